"""The rule: which libraries exist, and what is said of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from experience_store.errors import LibraryNotFoundError
from experience_store.store import Store
from experience_store.store.libraries import library_not_found

T = TypeVar("T")
_ALL = 2**31 - 1  # names; there are fewer
_NAMED = 100


@dataclass(frozen=True, slots=True)
class LibraryScope:
    """What somebody reaches of a store.

    Attributes:
        store: The whole of it.
        libraries: Names, whether they exist or not; None for all.
        may_make: Whether a library of such a name may be made by naming it.
    """

    store: Store
    libraries: frozenset[str] | None
    may_make: bool

    def has(self, library: str) -> bool:
        """Whether the name is one that is reached."""
        return self.libraries is None or library in self.libraries

    async def names(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Names of libraries that are reached and exist."""
        if self.libraries is None:
            return await self.store.libraries.names(prefix, limit)
        found = await self.store.libraries.names(prefix, _ALL)
        return tuple(name for name in found if name in self.libraries)[:limit]

    async def within(self, library: str, do: Callable[[], Awaitable[T]]) -> T:
        """Do something with a library that exists; raises LibraryNotFoundError if none does."""
        if self.has(library):
            try:
                return await do()
            except LibraryNotFoundError:
                pass  # said below, in the words of those who reach less
        raise library_not_found(library, await self.names("", _NAMED))

    async def making(self, library: str, do: Callable[[], Awaitable[T]]) -> T:
        """Do something that makes the library if it is new, where that is allowed."""

        async def existing() -> T:
            await self.store.libraries.get(library)
            return await do()

        return await self.within(library, do if self.may_make else existing)
