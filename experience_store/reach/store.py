"""The store whose other libraries do not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from experience_store.errors import NotFoundError
from experience_store.reach.groups import ReachedGroups
from experience_store.reach.libraries import ReachedLibraries
from experience_store.reach.rule import Reach
from experience_store.reach.updates import ReachedUpdates
from experience_store.store import Retrieval, Store, Tokens, Totals
from experience_store.store.libraries import library_not_found

if TYPE_CHECKING:  # records that are validated are slow to import
    from experience_store.library import Library
    from experience_store.transfer.records import Archive


class ReachedStore:
    """Implements `experience_store.store.Store`."""

    def __init__(self, store: Store, libraries: frozenset[str] | None, *, may_make: bool) -> None:
        """See a part of a store.

        Args:
            store: The whole of it; whoever opened it closes it.
            libraries: Names of the libraries that are reached, existing or not; None for all.
            may_make: Whether one of these that does not exist is made by the calls that make one.
        """
        self._reach = reach = Reach(store, libraries, may_make)
        self.libraries = ReachedLibraries(reach)
        self.groups = ReachedGroups(reach)
        self.updates = ReachedUpdates(reach)
        self.retrievals = _Retrievals(reach)
        self.transfers = _Transfers(reach)

    @property
    def location(self) -> str:
        """Where it is, for people."""
        return self._reach.store.location

    @property
    def tokens(self) -> Tokens:
        """None: tokens belong to the whole store; raises NotFoundError."""
        raise NotFoundError("tokens are seen by those alone who reach the whole store")

    async def totals(self, libraries: Collection[str] | None = None) -> Totals:
        """What the libraries that are reached, or some of them, hold together."""
        mine = self._reach.libraries
        if mine is not None:
            libraries = mine if libraries is None else mine & frozenset(libraries)
        return await self._reach.store.totals(libraries)

    async def mark(self) -> int:
        """A number that is another one if anybody stored anything since it was asked for last."""
        return await self._reach.store.mark()

    async def close(self) -> None:
        """Nothing: the whole store is closed by whoever opened it."""


class _Retrievals:
    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._all = reach.store.retrievals

    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        for retrieval in retrievals:
            await self._reach.within(
                retrieval.library,
                lambda name=retrieval.library: self._reach.store.libraries.get(name),
            )
        await self._all.record(retrievals)

    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        found = await self._all.libraries_of(ids)
        return {id_: library for id_, library in found.items() if self._reach.has(library)}


class _Transfers:
    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def export(self, name: str, *, attempts: bool) -> Archive:
        transfers = self._reach.store.transfers
        return await self._reach.within(name, lambda: transfers.export(name, attempts=attempts))

    async def take_in(self, archive: Archive, name: str) -> Library:
        if not (self._reach.has(name) and self._reach.may_make):
            raise library_not_found(name, await self._reach.names("", 100))
        return await self._reach.store.transfers.take_in(archive, name)
