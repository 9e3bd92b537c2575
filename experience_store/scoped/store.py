"""A store whose libraries outside the scope do not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from experience_store.errors import NotFoundError
from experience_store.scoped.libraries import ScopedLibraries
from experience_store.scoped.scope import LibraryScope
from experience_store.scoped.updates import ScopedUpdates
from experience_store.store import (
    Archives,
    GroupCounts,
    GroupInfo,
    Groups,
    Receipt,
    Retrieval,
    Retrievals,
    Store,
    StoreTotals,
    Submission,
    Tokens,
)
from experience_store.store.libraries import library_not_found
from experience_store.trajectory import Group

if TYPE_CHECKING:  # records that are validated are slow to import
    from experience_store.archive.records import Archive
    from experience_store.library import Library


class ScopedStore:
    """`Store` within a scope."""

    def __init__(self, store: Store, libraries: frozenset[str] | None, *, may_make: bool) -> None:
        """Limit a store to some libraries.

        Args:
            store: The whole store; its opener closes it.
            libraries: Names of the libraries in scope, existing or not; None for all.
            may_make: Whether calls may create libraries of these names.
        """
        self._scope = scope = LibraryScope(store, libraries, may_make)
        self.libraries = ScopedLibraries(scope)
        self.groups = ScopedGroups(scope)
        self.updates = ScopedUpdates(scope)
        self.retrievals = _Retrievals(scope)
        self.archives = _Archives(scope)

    @property
    def location(self) -> str:
        """The whole store's location, for people."""
        return self._scope.store.location

    @property
    def tokens(self) -> Tokens:
        """Raises NotFoundError: tokens belong to the whole store."""
        raise NotFoundError("tokens are visible only to callers with access to every library")

    async def totals(self, libraries: Collection[str] | None = None) -> StoreTotals:
        """Totals over the libraries in scope, or over some of them."""
        mine = self._scope.libraries
        if mine is not None:
            libraries = mine if libraries is None else mine & frozenset(libraries)
        return await self._scope.store.totals(libraries)

    async def change_counter(self) -> int:
        """Change counter of the whole store; differs after any write."""
        return await self._scope.store.change_counter()

    async def close(self) -> None:
        """Does nothing: the opener of the whole store closes it."""


class _Retrievals(Retrievals):
    def __init__(self, scope: LibraryScope) -> None:
        self._scope = scope
        self._all = scope.store.retrievals

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
    def __init__(self, scope: LibraryScope) -> None:
        self._scope = scope

    @override
    async def export(self, name: str, *, attempts: bool) -> Archive:
        archives = self._scope.store.archives
        return await self._scope.within(name, lambda: archives.export(name, attempts=attempts))

    @override
    async def import_library(self, archive: Archive, name: str) -> Library:
        if not (self._scope.has(name) and self._scope.may_make):
            raise library_not_found(name, await self._scope.names("", 100))
        return await self._scope.store.archives.import_library(archive, name)


class ScopedGroups(Groups):
    """`Groups` within a scope."""

    def __init__(self, scope: LibraryScope) -> None:
        self._scope = scope
        self._all = scope.store.groups

    @override
    async def submit(self, library: str, submission: Submission) -> Receipt:
        return await self._scope.making(library, lambda: self._all.submit(library, submission))

    @override
    async def get(self, library: str, group_id: str) -> Group:
        return await self._scope.within(library, lambda: self._all.get(library, group_id))

    @override
    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        return await self._scope.within(
            library, lambda: self._all.list(library, after=after, limit=limit)
        )

    @override
    async def counts(self, library: str) -> GroupCounts:
        return await self._scope.within(library, lambda: self._all.counts(library))

    @override
    async def waiting(self) -> Mapping[str, int]:
        return {
            name: count
            for name, count in (await self._all.waiting()).items()
            if self._scope.has(name)
        }

    @override
    async def retry_set_aside(self, library: str) -> int:
        return await self._scope.within(library, lambda: self._all.retry_set_aside(library))
