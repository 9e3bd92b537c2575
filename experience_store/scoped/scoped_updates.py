"""`Updates` within a scope."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from experience_store.scoped.scope import LibraryScope
from experience_store.store import (
    AskedRequest,
    Decision,
    GivenAnswer,
    Publication,
    Review,
    UpdateInfo,
    UpdateRecord,
    Updates,
    Usage,
)
from experience_store.store.updates import update_not_found
from experience_store.version import Driver


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
