"""Groups of attempts: what comes in, what becomes of it, and what waits to be learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from experience_store.trajectory import Group, Trajectory

MAX_FAILURES = 3  # updates that may fail on a group before it is set aside


@dataclass(frozen=True, slots=True)
class Submission:
    """Attempts at one task, to be stored as a group or added to one.

    Attributes:
        group_id: The client's name for the group; None makes a new group.
        trajectories: Those with an empty id get one derived from their content.
    """

    task: str
    trajectories: tuple[Trajectory, ...]
    group_id: str | None = None
    ground_truth: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission.

    Attributes:
        trajectories: How many attempts the group has now.
        added: Attempts that are new.
        known: Attempts that were there already and changed nothing.
        scored: Attempts that were there unscored and got their reward now.
        signal: Whether winners can be told from losers.
        will_be_learned: Whether there is something to learn that an update will take.
        set_aside: The last update's error, if the group is skipped after too many failures.
        waiting: Groups of the library that an update could take now.
        redacted: Secrets that were removed before storing.
        min_spread: What rewards must differ by for signal, by the library's policy.
    """

    group_id: str
    trajectories: int
    added: int
    known: int
    scored: int
    signal: bool
    will_be_learned: bool
    set_aside: str | None
    waiting: int
    redacted: int
    min_spread: float


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """How many groups a library has, by state."""

    groups: int
    signal: int
    attempts: int
    learned: int
    set_aside: int
    waiting: int
    oldest_waiting: datetime | None


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group in a list: all but its attempts."""

    id: str
    task: str
    attempts: int
    scored: int
    signal: bool
    learned: bool
    failure: str | None
    created_at: datetime


class Groups(Protocol):
    """Groups of attempts."""

    async def submit(self, library: str, submission: Submission) -> Receipt:
        """Store attempts; what is there already changes nothing.

        Raises:
            BadInputError: If something in the submission cannot be taken.
            ConflictError: If the group or an attempt of this id exists with another content.
        """
        ...

    async def get(self, library: str, group_id: str) -> Group:
        """A group with its attempts."""
        ...

    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        """Groups in order of arrival, without the first `after`."""
        ...

    async def counts(self, library: str) -> GroupCounts:
        """How many groups there are, by state."""
        ...

    async def waiting(self) -> Mapping[str, int]:
        """How many groups wait, by library; only those where some do."""
        ...

    async def retry_set_aside(self, library: str) -> int:
        """Let updates take again the groups that failed too often; how many there were."""
        ...
