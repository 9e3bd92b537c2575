"""A store whose libraries outside the scope do not exist: `ScopedStore`, then its protocols."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from typing_extensions import override

from experience_store.errors import NotFoundError
from experience_store.library import Library, Policy, State
from experience_store.operations import Operation
from experience_store.scoped.scope import ALL, LibraryScope
from experience_store.store import (
    Archives,
    AskedRequest,
    Decision,
    GivenAnswer,
    GroupCounts,
    GroupInfo,
    Groups,
    Libraries,
    LibraryStamp,
    Provenance,
    Publication,
    Receipt,
    Retrieval,
    Retrievals,
    Review,
    Store,
    StoreTotals,
    Submission,
    Tokens,
    Trouble,
    UpdateInfo,
    UpdateRecord,
    Updates,
    Usage,
    Workers,
)
from experience_store.store.updates import update_not_found
from experience_store.store.workers import HIDDEN
from experience_store.trajectory import Group
from experience_store.version import Driver, Version

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


class ScopedUpdates(Updates):
    """`Updates` within a scope.

    An update is looked up by its id alone, so its library is checked before anything else is read.
    """

    def __init__(self, scope: LibraryScope) -> None:
        self._scope = scope
        self._all = scope.store.updates

    @override
    async def begin(
        self,
        library: str,
        driver: Driver,
        limit: int,
        lease: tuple[str, float] | None = None,
        *,
        prompt_bound: int | None = None,
    ) -> str | None:
        return await self._scope.within(
            library,
            lambda: self._all.begin(library, driver, limit, lease, prompt_bound=prompt_bound),
        )

    @override
    async def get(self, update_id: str) -> UpdateRecord:
        await self.library_of(update_id)
        return await self._all.get(update_id)

    @override
    async def library_of(self, update_id: str) -> str:
        library = await self._all.library_of(update_id)
        if not self._scope.has(library):
            raise update_not_found(update_id)
        return library

    @override
    async def open(self, library: str) -> tuple[str, ...]:
        return await self._scope.within(library, lambda: self._all.open(library))

    @override
    async def list(
        self, library: str, limit: int, *, before: str | None = None
    ) -> tuple[UpdateInfo, ...]:
        return await self._scope.within(
            library, lambda: self._all.list(library, limit, before=before)
        )

    @override
    async def set_relevant(self, update_id: str, relevant: Sequence[Sequence[str]]) -> None:
        await self.library_of(update_id)
        await self._all.set_relevant(update_id, relevant)

    @override
    async def ask(self, update_id: str, requests: Sequence[AskedRequest]) -> None:
        await self.library_of(update_id)
        await self._all.ask(update_id, requests)

    @override
    async def answer(self, update_id: str, answers: Sequence[GivenAnswer]) -> bool:
        await self.library_of(update_id)
        return await self._all.answer(update_id, answers)

    @override
    async def retract(self, update_id: str, request: str, reason: str) -> None:
        await self.library_of(update_id)
        await self._all.retract(update_id, request, reason)

    @override
    async def give_up(self, update_id: str, request: str, reason: str) -> None:
        await self.library_of(update_id)
        await self._all.give_up(update_id, request, reason)

    @override
    async def count_round(self, update_id: str, request: str) -> int:
        await self.library_of(update_id)
        return await self._all.count_round(update_id, request)

    @override
    async def rebase(self, update_id: str, version: int) -> None:
        await self.library_of(update_id)
        await self._all.rebase(update_id, version)

    @override
    async def publish(self, update_id: str, publication: Publication) -> UpdateRecord:
        await self.library_of(update_id)
        return await self._all.publish(update_id, publication)

    @override
    async def reviews(self, library: str) -> tuple[Review, ...]:
        return await self._scope.within(library, lambda: self._all.reviews(library))

    @override
    async def review(self, update_id: str, decision: Decision) -> UpdateRecord:
        await self.library_of(update_id)
        return await self._all.review(update_id, decision)

    @override
    async def libraries(self) -> tuple[str, ...]:
        return tuple(name for name in await self._all.libraries() if self._scope.has(name))

    @override
    async def lease(
        self, library: str, owner: str, seconds: float, idle_seconds: float
    ) -> str | None:
        return await self._scope.within(
            library, lambda: self._all.lease(library, owner, seconds, idle_seconds)
        )

    @override
    async def keep(self, update_id: str, owner: str, seconds: float) -> None:
        await self.library_of(update_id)
        await self._all.keep(update_id, owner, seconds)

    @override
    async def release(self, update_id: str, owner: str) -> None:
        await self.library_of(update_id)
        await self._all.release(update_id, owner)

    @override
    async def release_all(self, owner: str) -> None:
        await self._all.release_all(owner)

    @override
    async def usage(self, library: str) -> Usage:
        return await self._scope.within(library, lambda: self._all.usage(library))


class ScopedLibraries(Libraries):
    """`Libraries` within a scope."""

    def __init__(self, scope: LibraryScope) -> None:
        self._scope = scope
        self._all = scope.store.libraries

    @override
    async def get(self, name: str) -> Library:
        return await self._scope.get(name)

    @override
    async def ensure(self, name: str) -> Library:
        return await self._scope.making(name, lambda: self._all.ensure(name))

    @override
    async def all(self) -> tuple[Library, ...]:
        return tuple(lib for lib in await self._all.all() if self._scope.has(lib.name))

    @override
    async def page(self, *, after: str, limit: int) -> tuple[Library, ...]:
        if self._scope.libraries is None:
            return await self._all.page(after=after, limit=limit)
        return tuple(lib for lib in await self.all() if lib.name > after)[:limit]

    @override
    async def stamps(self) -> Mapping[str, LibraryStamp]:
        stamps = await self._all.stamps()
        return {name: stamp for name, stamp in stamps.items() if self._scope.has(name)}

    @override
    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        return await self._scope.names(prefix, limit)

    @override
    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        return await self._scope.making(
            name,
            lambda: self._all.describe(
                name,
                agent_objective=agent_objective,
                learning_objective=learning_objective,
                policy=policy,
            ),
        )

    @override
    async def delete(self, name: str) -> Library:
        return await self._scope.within(name, lambda: self._all.delete(name))

    @override
    async def state(self, name: str, version: int | None = None) -> State:
        return await self._scope.within(name, lambda: self._all.state(name, version))

    @override
    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        return await self._scope.within(
            name, lambda: self._all.history(name, before=before, limit=limit)
        )

    @override
    async def version(self, name: str, number: int) -> Version:
        return await self._scope.within(name, lambda: self._all.version(name, number))

    @override
    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        return await self._scope.within(name, lambda: self._all.tasks(name, ids))

    @override
    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        return await self._scope.making(
            name, lambda: self._all.edit(name, operations, author=author, note=note)
        )

    @override
    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        return await self._scope.within(
            name, lambda: self._all.roll_back(name, to, author=author, note=note)
        )

    @override
    async def provenance(self, name: str, experience_id: str) -> Provenance:
        return await self._scope.within(name, lambda: self._all.provenance(name, experience_id))
