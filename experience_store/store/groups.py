"""Groups of attempts: submissions, what became of them, and what waits to be learned from.

Every backend redacts a submission before storing it (`redacted_submission`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from experience_store.trajectory import Group, Message, ToolCall, Trajectory

MAX_FAILURES = 3  # failed updates after which a group is set aside
MANY_UNFIT = 5  # groups without signal, and none with: then somebody is told


@dataclass(frozen=True, slots=True)
class Submission:
    """Attempts at one task, to store as a new group or add to an existing one.

    Attributes:
        group_id: The client's name for the group; None for a new group.
        trajectories: The attempts; an empty id is replaced by one derived from the content.
    """

    task: str
    trajectories: tuple[Trajectory, ...]
    group_id: str | None = None
    ground_truth: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of a submission.

    Attributes:
        trajectories: Number of attempts in the group now.
        added: Number of new attempts.
        known: Number of attempts that were stored before and changed nothing.
        scored: Number of unscored attempts that got their reward now.
        signal: Whether winners can be told from losers.
        will_be_learned: Whether an update will take the group.
        set_aside: Error of the last update, if the group was set aside after too many failures.
        waiting: Number of groups in the library that wait for an update.
        redacted: Number of secrets removed before storing.
        min_spread: Spread of rewards above which a group has signal, by the library's policy.
        none_fit: Whether the library has several groups, and none that it can learn from.
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
    none_fit: bool = False


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Number of groups in a library, by state.

    Attributes:
        waiting: Number of groups that the next update could take.
        unanswered: Number of groups in open updates that no worker is answering now.
        learning: Number of groups in updates that a worker is answering now.
    """

    groups: int
    signal: int
    attempts: int
    learned: int
    set_aside: int
    waiting: int
    oldest_waiting: datetime | None
    unanswered: int = 0
    learning: int = 0

    @property
    def pending(self) -> int:
        """Number of groups still to be learned from, and not being learned from now."""
        return self.waiting + self.unanswered

    @property
    def none_fit(self) -> bool:
        """Whether there are several groups, and none that can be learned from."""
        fit = self.signal or self.learned or self.pending or self.learning or self.set_aside
        return self.groups >= MANY_UNFIT and not fit


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group in a list, without its attempts."""

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
        """Store attempts; those stored before change nothing.

        Raises:
            BadInputError: If the submission is invalid.
            ConflictError: If the group or an attempt with the same id has different content.
        """
        ...

    async def get(self, library: str, group_id: str) -> Group:
        """A group with its attempts."""
        ...

    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        """Groups in order of arrival, skipping the first `after`."""
        ...

    async def counts(self, library: str) -> GroupCounts:
        """Number of groups, by state."""
        ...

    async def waiting(self) -> Mapping[str, int]:
        """Number of waiting groups by library; libraries without any are left out."""
        ...

    async def retry_set_aside(self, library: str) -> int:
        """Make groups that were set aside wait again; return their number."""
        ...

    async def set_aside(self, library: str, limit: int) -> tuple[GroupInfo, ...]:
        """Groups that were set aside, newest first."""
        ...

    async def offer_again(self, learner: str, library: str | None = None) -> int:
        """Make groups wait again that were set aside under other circumstances.

        A group, unless it changes, is offered once to each learner and policy of its library; so
        two servers with different models do not set it aside in turn for ever.

        Args:
            learner: The model with its endpoint, or `HOST_LEARNER`.
            library: Name of a library; None for all.

        Returns:
            The number of groups.
        """
        ...


def redacted_submission(submission: Submission) -> tuple[Submission, int]:
    """The submission without secrets, and the number of secrets removed."""
    from experience_store.safety.redaction import distinct, redact  # noqa: PLC0415  # slow to import

    redactor = _Redactor(redact, distinct)
    clean = replace(
        submission,
        group_id=redactor.name(submission.group_id),
        task=redactor.text(submission.task),
        ground_truth=redactor.optional(submission.ground_truth),
        trajectories=tuple(redactor.trajectory(t) for t in submission.trajectories),
    )
    return clean, redactor.count


class _Redactor:
    def __init__(
        self, redact: Callable[[str], tuple[str, int]], distinct: Callable[[str, str], str]
    ) -> None:
        self._redact = redact
        self._distinct = distinct
        self.count = 0

    def text(self, text: str) -> str:
        clean, found = self._redact(text)
        self.count += found
        return clean

    def optional(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def name(self, name: str | None) -> str | None:
        """An id that a client chose."""
        return None if name is None else self._distinct(self.text(name), name)

    def trajectory(self, trajectory: Trajectory) -> Trajectory:
        """The attempt without secrets; most have none, which one pass over all texts tells."""
        if not self._redact("\0".join(_texts(trajectory)))[1]:
            return trajectory
        return replace(
            trajectory,
            id=self._distinct(self.text(trajectory.id), trajectory.id),
            messages=tuple(self.message(m) for m in trajectory.messages),
            feedback=self.optional(trajectory.feedback),
            retrieval_id=self.optional(trajectory.retrieval_id),
            model=self.optional(trajectory.model),
            metadata=self.optional(trajectory.metadata),
        )

    def message(self, message: Message) -> Message:
        calls = tuple(
            ToolCall(self.text(c.name), self.text(c.arguments), self.optional(c.id))
            for c in message.tool_calls
        )
        return replace(
            message,
            text=self.text(message.text),
            tool_calls=calls,
            name=self.optional(message.name),
            tool_call_id=self.optional(message.tool_call_id),
        )


def _texts(trajectory: Trajectory) -> Iterator[str]:
    """All texts to redact, without NULs, which separate them when joined."""
    for message in trajectory.messages:
        yield message.text.replace("\0", " ")
        yield message.name or ""
        yield message.tool_call_id or ""
        for call in message.tool_calls:
            yield call.id or ""
            yield call.name
            yield call.arguments.replace("\0", " ")
    yield trajectory.id
    yield trajectory.retrieval_id or ""
    yield trajectory.model or ""
    yield trajectory.feedback or ""
    yield trajectory.metadata or ""
