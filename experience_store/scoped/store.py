"""The store whose other libraries do not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from experience_store.errors import NotFoundError
from experience_store.scoped.groups import ScopedGroups
from experience_store.scoped.libraries import ScopedLibraries
from experience_store.scoped.scope import LibraryScope
from experience_store.scoped.updates import ScopedUpdates
from experience_store.store import Archives, Retrieval, Retrievals, Store, Tokens, Totals
from experience_store.store.libraries import library_not_found

if TYPE_CHECKING:  # records that are validated are slow to import
    from experience_store.archive.records import Archive
    from experience_store.library import Library


class ScopedStore:
    """`Store` within a scope."""

    def __init__(self, store: Store, libraries: frozenset[str] | None, *, may_make: bool) -> None:
        """See a part of a store.

        Args:
            store: The whole of it; whoever opened it closes it.
            libraries: Names of the libraries that are reached, existing or not; None for all.
            may_make: Whether one of these that does not exist is made by the calls that make one.
        """
        self._scope = reach = LibraryScope(store, libraries, may_make)
        self.libraries = ScopedLibraries(reach)
        self.groups = ScopedGroups(reach)
        self.updates = ScopedUpdates(reach)
        self.retrievals = _Retrievals(reach)
        self.archives = _Archives(reach)

    @property
    def location(self) -> str:
        """Where it is, for people."""
        return self._scope.store.location

    @property
    def tokens(self) -> Tokens:
        """None: tokens belong to the whole store; raises NotFoundError."""
        raise NotFoundError("tokens are seen by those alone who reach the whole store")

    async def totals(self, libraries: Collection[str] | None = None) -> Totals:
        """What the libraries that are reached, or some of them, hold together."""
        mine = self._scope.libraries
        if mine is not None:
            libraries = mine if libraries is None else mine & frozenset(libraries)
        return await self._scope.store.totals(libraries)

    async def change_counter(self) -> int:
        """A number that is another one if anybody stored anything since it was asked for last."""
        return await self._scope.store.change_counter()

    async def close(self) -> None:
        """Nothing: the whole store is closed by whoever opened it."""


class _Retrievals(Retrievals):
    def __init__(self, reach: LibraryScope) -> None:
        self._scope = reach
        self._all = reach.store.retrievals

    @override
    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        for retrieval in retrievals:
            await self._scope.within(
                retrieval.library,
                lambda name=retrieval.library: self._scope.store.libraries.get(name),
            )
        await self._all.record(retrievals)

    @override
    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        found = await self._all.libraries_of(ids)
        return {id_: library for id_, library in found.items() if self._scope.has(library)}


class _Archives(Archives):
    def __init__(self, reach: LibraryScope) -> None:
        self._scope = reach

    @override
    async def export(self, name: str, *, attempts: bool) -> Archive:
        archives = self._scope.store.archives
        return await self._scope.within(name, lambda: archives.export(name, attempts=attempts))

    @override
    async def import_library(self, archive: Archive, name: str) -> Library:
        if not (self._scope.has(name) and self._scope.may_make):
            raise library_not_found(name, await self._scope.names("", 100))
        return await self._scope.store.archives.import_library(archive, name)
