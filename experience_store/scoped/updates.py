"""Updates of libraries that are reached."""

from __future__ import annotations

from collections.abc import Sequence

from experience_store.scoped.scope import LibraryScope
from experience_store.store import (
    AskedRequest,
    Decision,
    GivenAnswer,
    Publication,
    Review,
    UpdateInfo,
    UpdateRecord,
    Usage,
)
from experience_store.store.updates import update_not_found
from experience_store.version import Driver


class ScopedUpdates:
    """Implements `experience_store.store.Updates`.

    An update is looked up by its id alone, so its library is asked for before anything else is
    read.
    """

    def __init__(self, reach: LibraryScope) -> None:
        self._scope = reach
        self._all = reach.store.updates

    async def begin(
        self, library: str, driver: Driver, limit: int, lease: tuple[str, float] | None = None
    ) -> str | None:
        """Begin an update with up to `limit` waiting groups; its id, or None if none waits."""
        return await self._scope.within(
            library, lambda: self._all.begin(library, driver, limit, lease)
        )

    async def get(self, update_id: str) -> UpdateRecord:
        """All of an update; raises NotFoundError."""
        await self.library_of(update_id)
        return await self._all.get(update_id)

    async def library_of(self, update_id: str) -> str:
        """The name of an update's library; raises NotFoundError as `get` does."""
        library = await self._all.library_of(update_id)
        if not self._scope.has(library):
            raise update_not_found(update_id)
        return library

    async def open(self, library: str) -> tuple[str, ...]:
        """Ids of the library's open updates, oldest first."""
        return await self._scope.within(library, lambda: self._all.open(library))

    async def list(
        self, library: str, limit: int, *, before: str | None = None
    ) -> tuple[UpdateInfo, ...]:
        """The library's updates, newest first."""
        return await self._scope.within(
            library, lambda: self._all.list(library, limit, before=before)
        )

    async def set_relevant(self, update_id: str, relevant: Sequence[Sequence[str]]) -> None:
        """Store which experiences each group's comparison is shown, unless stored already."""
        await self.library_of(update_id)
        await self._all.set_relevant(update_id, relevant)

    async def ask(self, update_id: str, requests: Sequence[AskedRequest]) -> None:
        """Store requests before they are put; those stored already stay as they are."""
        await self.library_of(update_id)
        await self._all.ask(update_id, requests)

    async def answer(self, update_id: str, answers: Sequence[GivenAnswer]) -> bool:
        """Store answers as they came, refused ones too; whether all of them were new."""
        await self.library_of(update_id)
        return await self._all.answer(update_id, answers)

    async def retract(self, update_id: str, request: str, reason: str) -> None:
        """Refuse an answer after all that had been taken, so that another can be."""
        await self.library_of(update_id)
        await self._all.retract(update_id, request, reason)

    async def give_up(self, update_id: str, request: str, reason: str) -> None:
        """Mark a request as failed."""
        await self.library_of(update_id)
        await self._all.give_up(update_id, request, reason)

    async def rebase(self, update_id: str, version: int) -> None:
        """Record that the update goes on from a newer version."""
        await self.library_of(update_id)
        await self._all.rebase(update_id, version)

    async def publish(self, update_id: str, publication: Publication) -> UpdateRecord:
        """Close the update with what it comes to; raises HeadMovedError if it must rebase."""
        await self.library_of(update_id)
        return await self._all.publish(update_id, publication)

    async def reviews(self, library: str) -> tuple[Review, ...]:
        """The library's updates that wait for review, oldest first."""
        return await self._scope.within(library, lambda: self._all.reviews(library))

    async def review(self, update_id: str, decision: Decision) -> UpdateRecord:
        """Publish what was chosen of an update that waits for review; raises ConflictError."""
        await self.library_of(update_id)
        return await self._all.review(update_id, decision)

    async def lease(
        self, library: str | None, owner: str, seconds: float, idle_seconds: float
    ) -> str | None:
        """Take over an open update that nobody works on; its id, or None."""
        if library is not None:
            return await self._scope.within(
                library, lambda: self._all.lease(library, owner, seconds, idle_seconds)
            )
        for name in await self._scope.names("", 2**31 - 1):
            if found := await self._all.lease(name, owner, seconds, idle_seconds):
                return found
        return None

    async def keep(self, update_id: str, owner: str, seconds: float) -> None:
        """Extend a lease; raises LeaseLostError if another has it."""
        await self.library_of(update_id)
        await self._all.keep(update_id, owner, seconds)

    async def release(self, update_id: str, owner: str) -> None:
        """Give a lease back."""
        await self.library_of(update_id)
        await self._all.release(update_id, owner)

    async def release_all(self, owner: str) -> None:
        """Give all leases of an owner back; only an owner knows its name."""
        await self._all.release_all(owner)

    async def usage(self, library: str) -> Usage:
        """What all updates of the library cost."""
        return await self._scope.within(library, lambda: self._all.usage(library))
