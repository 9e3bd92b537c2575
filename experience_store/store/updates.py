"""Updates in progress and finished: their requests, the answers and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from experience_store.errors import NotFoundError
from experience_store.library import Library
from experience_store.operations import Application, Operation
from experience_store.trajectory import Group
from experience_store.version import Driver, UpdateStatus

MAX_ROUNDS = 3  # rounds in which a model failed on a request, after which it is given up
MAX_LEASE = 900.0  # seconds; one that ends later was taken while the clock was ahead
SKEW_SECONDS = 60.0  # a time further in the future was written while the clock was ahead
HOST_LEARNER = "host"  # as a learner: whichever model a connected host has


@dataclass(frozen=True, slots=True)
class Usage:
    """Cost of learning: calls, tokens as counted by the endpoint, and money if prices are set."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One answer to one request, as received."""

    request: str
    text: str
    refused: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """One request as it was sent, and why it was given up, if it was."""

    id: str
    prompt: str
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    """A group as it was when the update began.

    Attributes:
        relevant: Ids of the experiences that its comparison is shown; None until chosen.
        served: For each trajectory id, the ids of the experiences the attempt was given.
    """

    group: Group
    revision: int
    relevant: tuple[str, ...] | None
    served: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """An update as stored: enough to resume it in any process.

    Attributes:
        bases: The version it began with, then one per rebase.
        library: The library, with its policy when the update began.
        leased: Whether a worker holds a lease on it now.
        prompt_bound: Maximum tokens of its prompts, if a model reads no longer ones.
    """

    id: str
    library: Library
    driver: Driver
    status: UpdateStatus
    bases: tuple[int, ...]
    groups: tuple[UpdateGroup, ...]
    requests: tuple[AskedRequest, ...]
    answers: tuple[GivenAnswer, ...]
    version: int | None
    reason: str | None
    leased: bool
    created_at: datetime
    usage: Usage
    prompt_bound: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateInfo:
    """An update in a list, with its cost so far."""

    id: str
    driver: Driver
    status: UpdateStatus
    groups: int
    version: int | None
    reason: str | None
    created_at: datetime
    usage: Usage


@dataclass(frozen=True, slots=True)
class Publication:
    """The result of a finished update, applied in one transaction.

    Attributes:
        base: The head that `application` was made from.
        learned: Ids of the groups that were learned from.
        failed: Ids of the groups that could not be learned from, with the reason.
        learner: Who answered: the model with its endpoint, or `HOST_LEARNER`.
    """

    base: int
    application: Application
    learned: tuple[str, ...]
    failed: Mapping[str, str]
    author: str
    note: str
    learner: str = HOST_LEARNER


@dataclass(frozen=True, slots=True)
class Review:
    """An update that awaits review.

    Attributes:
        groups: Number of groups it learned from.
        changes: Its proposed changes, in order; decisions number them from 1.
        reason: Why a person decides on them.
    """

    update_id: str
    driver: Driver
    groups: int
    since: datetime
    changes: tuple[Operation, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision on an update.

    Attributes:
        chosen: Numbers of the changes to publish; None for all, an empty set to reject it.
        author: Who decided.
        note: Note for the history, if a version is published.
        reason: The person's own words, kept with the changes that are rejected.
    """

    chosen: frozenset[int] | None
    author: str
    note: str
    reason: str = ""


def update_not_found(update_id: str) -> NotFoundError:
    """The error for an update that does not exist."""
    return NotFoundError(f"update {update_id[:80]!r} does not exist")


class Updates(Protocol):
    """Updates, their requests and the answers."""

    async def begin(
        self,
        library: str,
        driver: Driver,
        limit: int,
        lease: tuple[str, float] | None = None,
        *,
        prompt_bound: int | None = None,
    ) -> str | None:
        """Begin an update with up to `limit` waiting groups; its id, or None if none waits."""
        ...

    async def get(self, update_id: str) -> UpdateRecord:
        """All of an update; raises NotFoundError."""
        ...

    async def library_of(self, update_id: str) -> str:
        """The name of an update's library; raises NotFoundError as `get` does."""
        ...

    async def open(self, library: str) -> tuple[str, ...]:
        """Ids of the library's open updates, oldest first."""
        ...

    async def list(
        self, library: str, limit: int, *, before: str | None = None
    ) -> tuple[UpdateInfo, ...]:
        """The library's updates, newest first; only those older than the id `before`, if given.

        Raises:
            NotFoundError: If the library has no update with that id.
        """
        ...

    async def set_relevant(self, update_id: str, relevant: Sequence[Sequence[str]]) -> None:
        """Store the experiences shown to each group's comparison, unless already stored."""
        ...

    async def ask(self, update_id: str, requests: Sequence[AskedRequest]) -> None:
        """Store requests before they are sent; stored ones stay as they are."""
        ...

    async def answer(self, update_id: str, answers: Sequence[GivenAnswer]) -> bool:
        """Store answers as they arrived, refused ones included; return whether all were new.

        A second accepted answer to the same request, or one to a closed update, changes nothing.
        """
        ...

    async def retract(self, update_id: str, request: str, reason: str) -> None:
        """Refuse an answer that was accepted, so that another can replace it."""
        ...

    async def give_up(self, update_id: str, request: str, reason: str) -> None:
        """Mark a request as failed."""
        ...

    async def count_round(self, update_id: str, request: str) -> int:
        """Count a round in which the model failed on a request; return how many there were.

        A group whose comparison failed `MAX_ROUNDS` times is set aside when the update is closed.
        """
        ...

    async def rebase(self, update_id: str, version: int) -> None:
        """Record that the update continues from a newer version."""
        ...

    async def publish(self, update_id: str, publication: Publication) -> UpdateRecord:
        """Close the update with its result.

        A closed update stays as it is.

        Raises:
            HeadMovedError: If the head is not the publication's base.
        """
        ...

    async def reviews(self, library: str) -> tuple[Review, ...]:
        """The library's updates that await review, oldest first."""
        ...

    async def review(self, update_id: str, decision: Decision) -> UpdateRecord:
        """Publish the chosen changes of an update that awaits review; raises ConflictError."""
        ...

    async def libraries(self) -> tuple[str, ...]:
        """Names of the libraries with open updates."""
        ...

    async def lease(
        self, library: str, owner: str, seconds: float, idle_seconds: float
    ) -> str | None:
        """Lease an open update of a library that nobody is working on; its id, or None.

        A host's update counts as abandoned after `idle_seconds` without an answer.
        """
        ...

    async def keep(self, update_id: str, owner: str, seconds: float) -> None:
        """Extend a lease; raises LeaseLostError if it was lost."""
        ...

    async def release(self, update_id: str, owner: str) -> None:
        """Release a lease."""
        ...

    async def release_all(self, owner: str) -> None:
        """Release all leases of an owner."""
        ...

    async def usage(self, library: str) -> Usage:
        """Total cost of the library's updates."""
        ...
