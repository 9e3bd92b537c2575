"""Libraries, their versions, and where each experience came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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


class KnownLibraries(Protocol):
    """The libraries that a caller may learn of."""

    async def names(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Names that start with `prefix`, in order."""
        ...

    async def get(self, name: str, /) -> Library:
        """The library; raises LibraryNotFoundError."""
        ...


MAX_COMPARED = 1_000  # names; comparing takes some microseconds each
MAX_SUGGESTED = 3
MAX_LISTED = 10


async def library_not_found(name: str, known: KnownLibraries) -> LibraryNotFoundError:
    """The error for a library that does not exist; it names those that may have been meant.

    Args:
        name: Name of the library.
        known: The libraries that the caller may learn of.
    """
    shown = name[:80]  # comparing a long name would take long
    meant = shown.lower()  # as all names are
    names = await known.names("", MAX_COMPARED)
    near = await known.names(meant[:1], MAX_COMPARED) if len(names) == MAX_COMPARED else ()
    close = get_close_matches(meant, dict.fromkeys((*near, *names)), n=MAX_SUGGESTED)
    if close:
        hint = f"did you mean {await _with_sizes(close, known)}?"
    elif names:
        more = ", …" if len(names) > MAX_LISTED else ""
        hint = f"existing libraries: {await _with_sizes(names[:MAX_LISTED], known)}{more}"
    else:
        hint = "there are no libraries yet"
    return LibraryNotFoundError(f"library {shown!r} does not exist; {hint}", is_near=bool(close))


async def _with_sizes(names: Iterable[str], known: KnownLibraries) -> str:
    shown: list[str] = []
    for name in names:
        with suppress(LibraryNotFoundError):  # deleted meanwhile
            size = (await known.get(name)).size
            shown.append(f"{name!r} ({size:,} {'experience' if size == 1 else 'experiences'})")
    return ", ".join(shown)
