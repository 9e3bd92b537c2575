"""The rule: which libraries exist for a caller, and how requests for others are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from experience_store.errors import LibraryNotFoundError
from experience_store.library import Library
from experience_store.store import Store
from experience_store.store.libraries import library_not_found

T = TypeVar("T")
ALL = 2**31 - 1  # more names than there can be
_LISTED = 10  # names of a token's libraries that an error lists


@dataclass(frozen=True, slots=True)
class LibraryScope:
    """The libraries of a store that a caller can access.

    Attributes:
        store: The whole store.
        libraries: Names, existing or not; None for all.
        may_make: Whether naming a library that does not exist may create it.
    """

    store: Store
    libraries: frozenset[str] | None
    may_make: bool

    def has(self, library: str) -> bool:
        """Whether the name is in scope."""
        return self.libraries is None or library in self.libraries

    async def names(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Names of existing libraries in scope."""
        if self.libraries is None:
            return await self.store.libraries.names(prefix, limit)
        found = await self.store.libraries.names(prefix, ALL)
        return tuple(name for name in found if name in self.libraries)[:limit]

    async def within(self, library: str, do: Callable[[], Awaitable[T]]) -> T:
        """Do something with an existing library; raises LibraryNotFoundError otherwise."""
        if self.has(library):
            try:
                return await do()
            except LibraryNotFoundError:
                pass  # raised below, suggesting only names in scope
        raise await self.not_found(library)

    async def making(self, library: str, do: Callable[[], Awaitable[T]]) -> T:
        """Do something that may create the library, if the caller may."""

        async def existing() -> T:
            await self.store.libraries.get(library)
            return await do()

        return await self.within(library, do if self.may_make else existing)

    async def not_found(self, library: str) -> LibraryNotFoundError:
        """The error for a library that does not exist in scope.

        For a name out of scope it is the same whether there is such a library or not.
        """
        if self.has(library):
            return await library_not_found(library, self)
        reached = sorted(self.libraries or ())
        more = ", …" if len(reached) > _LISTED else ""
        which = f"only: {', '.join(reached[:_LISTED])}{more}" if reached else "no library"
        return LibraryNotFoundError(
            f"library {library[:80]!r} is out of reach: this token reaches {which}. Name one that "
            "it reaches, or ask the operator of this server for a token that reaches this one"
        )

    async def get(self, library: str) -> Library:
        """The library; raises LibraryNotFoundError."""
        return await self.within(library, lambda: self.store.libraries.get(library))
