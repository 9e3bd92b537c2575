"""Libraries, their versions, and where each experience came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol

from experience_store.errors import LibraryNotFoundError
from experience_store.library import Experience, Library, Policy, State
from experience_store.operations import Operation
from experience_store.store.updates import GivenAnswer
from experience_store.version import Version


@dataclass(frozen=True, slots=True)
class AttemptTrace:
    """An attempt that led to an experience."""

    id: str
    reward: float | None
    model: str | None
    feedback: str | None


@dataclass(frozen=True, slots=True)
class GroupTrace:
    """A group that led to an experience."""

    id: str
    task: str
    attempts: tuple[AttemptTrace, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """One step in the history of an experience, and everything that led to it.

    Attributes:
        operation: The operation in `version`; None for an entry restored by a rollback.
        answers: The answers that proposed it, comparisons before consolidations.
    """

    version: int
    author: str
    created_at: datetime
    operation: Operation | None
    note: str
    update_id: str | None
    answers: tuple[GivenAnswer, ...]
    groups: tuple[GroupTrace, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an experience came from.

    Attributes:
        experience: The experience in its last wording.
        current: Whether it is in the head.
    """

    experience: Experience
    current: bool
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class LibraryStamp:
    """A summary of a library's state, compared to detect changes.

    Attributes:
        id: Differs if the library was deleted and created again under its name.
    """

    id: int
    head: int
    size: int
    agent_objective: str | None
    learning_objective: str | None


def library_not_found(name: str, names: Sequence[str]) -> LibraryNotFoundError:
    """The error for a library that does not exist.

    Args:
        name: Name of the library.
        names: Names of existing libraries, in order.
    """
    shown = name[:80]  # comparing a long name would take long
    close = get_close_matches(shown, names, n=3)
    known = ", ".join(close or names[:10]) or "none yet"
    hint = f"did you mean {known}?" if close else f"existing libraries: {known}"
    return LibraryNotFoundError(f"library {shown!r} does not exist; {hint}")


class Libraries(Protocol):
    """Libraries, their versions and where their experiences came from."""

    async def get(self, name: str) -> Library:
        """The library; raises LibraryNotFoundError, which suggests similar names."""
        ...

    async def ensure(self, name: str) -> Library:
        """The library, created with defaults if it is new; raises BadInputError."""
        ...

    async def all(self) -> tuple[Library, ...]:
        """Every library, by name."""
        ...

    async def page(self, *, after: str, limit: int) -> tuple[Library, ...]:
        """Libraries in order of name, after the name `after` ("" for the first)."""
        ...

    async def stamps(self) -> Mapping[str, LibraryStamp]:
        """The stamp of every library, by name."""
        ...

    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        """Names that start with `prefix`, in order."""
        ...

    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        """Set objectives and policy; creates the library if it is new."""
        ...

    async def state(self, name: str, version: int | None = None) -> State:
        """What the library held at a version (the head by default)."""
        ...

    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        """Versions below `before`, newest first, with operations and refusals."""
        ...

    async def version(self, name: str, number: int) -> Version:
        """One version, with operations and refusals."""
        ...

    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        """For each experience (all for None), the tasks it was learned from, oldest first."""
        ...

    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        """Apply operations by hand; raises BadInputError if one is refused."""
        ...

    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        """Make a new version that equals the older version `to`."""
        ...

    async def delete(self, name: str) -> Library:
        """Erase the library with everything in it; return what it was."""
        ...

    async def provenance(self, name: str, experience_id: str) -> Provenance:
        """Everything that led to an experience."""
        ...
