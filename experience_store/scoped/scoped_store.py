"""A store whose libraries outside the scope do not exist, and its smaller protocols."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from typing_extensions import override

from experience_store.errors import NotFoundError
from experience_store.library import Library
from experience_store.scoped.scope import ALL, LibraryScope
from experience_store.scoped.scoped_libraries import ScopedLibraries
from experience_store.scoped.scoped_updates import ScopedUpdates
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
    Trouble,
    Workers,
)
from experience_store.store.workers import HIDDEN
from experience_store.trajectory import Group

if TYPE_CHECKING:  # pydantic models are slow to import
    from experience_store.archive.format import Archive


class ScopedStore:
    """`Store` within a scope."""

    def __init__(self, store: Store, libraries: frozenset[str] | None, *, may_make: bool) -> None:
        """Limit a store to some libraries.

        Args:
            store: The whole store; closing the scoped one leaves it open.
            libraries: Names of the libraries in scope, existing or not; None for all.
            may_make: Whether calls may create libraries with these names.
        """
        self._scope = scope = LibraryScope(store, libraries, may_make)
        self.libraries = ScopedLibraries(scope)
        self.groups = ScopedGroups(scope)
        self.updates = ScopedUpdates(scope)
        self.retrievals = _Retrievals(scope)
        self.archives = _Archives(scope)
        self.workers = _Workers(scope)

    @property
    def location(self) -> str:
        """Location of the whole store, for people."""
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
        """Do nothing: the whole store stays open."""


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


class _Workers(Workers):
    """Since when there is trouble is for everyone, the reason is not."""

    def __init__(self, scope: LibraryScope) -> None:
        self._all = scope.store.workers

    @override
    async def report(self, owner: str, trouble: Trouble) -> None:
        await self._all.report(owner, trouble)

    @override
    async def recovered(self, owner: str) -> None:
        await self._all.recovered(owner)

    @override
    async def troubles(self) -> tuple[Trouble, ...]:
        return tuple(replace(trouble, reason=HIDDEN) for trouble in await self._all.troubles())


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
            raise await self._scope.not_found(name)
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

    @override
    async def set_aside(self, library: str, limit: int) -> tuple[GroupInfo, ...]:
        return await self._scope.within(library, lambda: self._all.set_aside(library, limit))

    @override
    async def offer_again(self, learner: str, library: str | None = None) -> int:
        names = await self._scope.names("", ALL) if library is None else (library,)
        offered = [
            await self._scope.within(name, lambda name=name: self._all.offer_again(learner, name))
            for name in names
        ]
        return sum(offered)
