"""Groups of libraries that are reached."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from experience_store.scoped.scope import LibraryScope
from experience_store.store import GroupCounts, GroupInfo, Groups, Receipt, Submission
from experience_store.trajectory import Group


class ScopedGroups(Groups):
    """`Groups` within a scope."""

    def __init__(self, reach: LibraryScope) -> None:
        self._scope = reach
        self._all = reach.store.groups

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
