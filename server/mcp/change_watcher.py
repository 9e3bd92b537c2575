"""Notices what changed in the libraries, whoever changed it.

Several servers, command lines and workers may share one database, and none of them tells the
others. So while somebody wants to know, the store is asked once a second whether anything was
stored at all, which costs microseconds, and only then what became of the libraries. While nobody
wants to know, nothing runs.
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
    """What changed since the last look.

    Attributes:
        updated: Names of libraries that say something else now, came or went; in order.
        listed: Names of those that lists show otherwise now: they came or went, are described in
            other words, or became a skill or none.
    """

    updated: tuple[str, ...]
    listed: tuple[str, ...]


class ChangeWatcher:
    """Looks for changes while at least one user wants to know of them."""

    def __init__(
        self, store: Callable[[], Store], tell: Callable[[Changes], Awaitable[None]]
    ) -> None:
        """Make a watcher that does not watch yet.

        Args:
            store: The open store; asked for while somebody wants to know.
            tell: Called with what changed.
        """
        self._store = store
        self._tell = tell
        self._users = 0
        self._seen: Mapping[str, LibraryStamp] = {}
        self._mark: int | None = None
        self._watching: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def active(self) -> bool:
        """Whether it watches."""
        return self._watching is not None

    async def begin(self) -> None:
        """Want to know of what changes from now on; ends with `end`."""
        self._users += 1
        try:
            async with self._turn:
                if self._watching is None:
                    store = self._store()
                    self._mark = await store.change_counter()
                    self._seen = await store.libraries.stamps()
                    self._watching = asyncio.create_task(self._watch())
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Want to know no more."""
        self._users -= 1
        if self._users == 0 and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Want to know for a while."""
        await self.begin()
        try:
            yield
        finally:
            self.end()

    async def look(self) -> None:
        """Tell of changes now and not in a second, if somebody wants to know."""
        async with self._turn:
            if self._watching is None:
                return
            store = self._store()
            mark = await store.change_counter()
            if mark == self._mark:
                return
            now = await store.libraries.stamps()
            changes = _changes(self._seen, now)
            self._mark, self._seen = mark, now
        if changes.updated:
            await self._tell(changes)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.look()
            except Exception:  # a look that fails must not end all others; nothing is lost but time
                logger.exception("cannot look for changes")


def _changes(before: Mapping[str, LibraryStamp], now: Mapping[str, LibraryStamp]) -> Changes:
    changed = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
    return Changes(
        updated=tuple(changed),
        listed=tuple(n for n in changed if _listed(before.get(n)) != _listed(now.get(n))),
    )


def _listed(mark: LibraryStamp | None) -> tuple[int, str | None, bool] | None:
    """What the list of resources says of a library."""
    return (mark.id, mark.agent_objective, mark.size > 0) if mark else None
