"""Groups of libraries that are reached."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.scoped.scope import LibraryScope
from experience_store.store import GroupCounts, GroupInfo, Receipt, Submission
from experience_store.trajectory import Group


class ScopedGroups:
    """Implements `experience_store.store.Groups`."""

    def __init__(self, reach: LibraryScope) -> None:
        self._scope = reach
        self._all = reach.store.groups

    async def submit(self, library: str, submission: Submission) -> Receipt:
        """Store attempts; what is there already changes nothing."""
        return await self._scope.making(library, lambda: self._all.submit(library, submission))

    async def get(self, library: str, group_id: str) -> Group:
        """A group with its attempts."""
        return await self._scope.within(library, lambda: self._all.get(library, group_id))

    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        """Groups in the order they came, `after` so many."""
        return await self._scope.within(
            library, lambda: self._all.list(library, after=after, limit=limit)
        )

    async def counts(self, library: str) -> GroupCounts:
        """How many there are, and how they stand."""
        return await self._scope.within(library, lambda: self._all.counts(library))

    async def waiting(self) -> Mapping[str, int]:
        """How many groups wait, by library; only those where some do."""
        return {
            name: count
            for name, count in (await self._all.waiting()).items()
            if self._scope.has(name)
        }

    async def retry_set_aside(self, library: str) -> int:
        """Let updates take again the groups that failed too often; how many there were."""
        return await self._scope.within(library, lambda: self._all.retry_set_aside(library))
