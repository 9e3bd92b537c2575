"""Detects changes of libraries, made by any process on the database.

Several servers, command lines and workers may share one database without telling each other. So
while there are subscribers, the store's change counter is polled once a second, which costs
microseconds, and only if it moved are the libraries compared. Without subscribers nothing runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from experience_store.store import LibraryStamp, Store

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the last check.

    Attributes:
        updated: Names of libraries that were changed, created or deleted, in order.
        listed: Those of them whose entry in lists changed: created, deleted, described anew, or
            no longer empty.
    """

    updated: tuple[str, ...]
    listed: tuple[str, ...]


class ChangeWatcher:
    """Polls for changes while there is at least one subscriber."""

    def __init__(
        self, store: Callable[[], Store], tell: Callable[[Changes], Awaitable[None]]
    ) -> None:
        """Create a watcher; it is not polling yet.

        Args:
            store: Returns the open store; called while there are subscribers.
            tell: Called with what changed.
        """
        self._store = store
        self._tell = tell
        self._users = 0
        self._seen: Mapping[str, LibraryStamp] = {}
        self._counter: int | None = None
        self._watching: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def active(self) -> bool:
        """Whether it is polling."""
        return self._watching is not None

    async def begin(self) -> None:
        """Add a subscriber for changes from now on; `end` removes it."""
        self._users += 1
        try:
            async with self._turn:
                if self._watching is None:
                    store = self._store()
                    self._counter = await store.change_counter()
                    self._seen = await store.libraries.stamps()
                    self._watching = asyncio.create_task(self._watch())
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Remove a subscriber."""
        self._users -= 1
        if self._users == 0 and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Subscribe for the duration of the context."""
        await self.begin()
        try:
            yield
        finally:
            self.end()

    async def look(self) -> None:
        """Check for changes now, if there are subscribers."""
        async with self._turn:
            if self._watching is None:
                return
            store = self._store()
            counter = await store.change_counter()
            if counter == self._counter:
                return
            now = await store.libraries.stamps()
            changes = _changes(self._seen, now)
            self._counter, self._seen = counter, now
        if changes.updated:
            await self._tell(changes)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.look()
            except Exception:  # one failed check must not end polling
                logger.exception("checking for changes failed")


def _changes(before: Mapping[str, LibraryStamp], now: Mapping[str, LibraryStamp]) -> Changes:
    changed = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
    return Changes(
        updated=tuple(changed),
        listed=tuple(n for n in changed if _listed(before.get(n)) != _listed(now.get(n))),
    )


def _listed(stamp: LibraryStamp | None) -> tuple[int, str | None, bool] | None:
    """The parts of a library that `resources/list` shows."""
    return (stamp.id, stamp.agent_objective, stamp.size > 0) if stamp else None
