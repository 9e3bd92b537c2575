"""Records of what was served, written in the background.

An agent waits for its experiences, not for the record of them. The record is on disk a moment
after the answer; a crash in between loses only the link between one retrieval and its rewards.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from typing_extensions import override

from experience_store.errors import ExperienceError
from experience_store.library import Experience
from experience_store.store import Retrieval, Store

logger = logging.getLogger(__name__)

MAX_TASK = 2_000  # characters of the task that are kept
MAX_WAITING = 10_000
DELAY_SECONDS = 0.05  # so that a burst of calls is one transaction


class Retrieving(Protocol):
    """The retrieval log as tools use it."""

    def add(self, retrieval: Retrieval) -> None:
        """Write a retrieval soon."""
        ...

    async def flush(self) -> None:
        """Write pending retrievals now."""
        ...

    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The library of each retrieval, by id; unknown ids are left out."""
        ...


def record(
    log: Retrieving, library: str, version: int, task: str, experiences: Sequence[Experience]
) -> str:
    """Record what is served for a task; attempts refer to it by the id returned."""
    served = tuple(experience.id for experience in experiences)
    retrieval = Retrieval(f"r-{secrets.token_hex(6)}", library, version, task, served)
    log.add(retrieval)
    return retrieval.id


@dataclass(frozen=True, slots=True)
class ScopedLog(Retrieving):
    """A log that knows only retrievals of accessible libraries."""

    log: Retrieving
    reaches: Callable[[str], bool]

    @override
    def add(self, retrieval: Retrieval) -> None:
        self.log.add(retrieval)

    @override
    async def flush(self) -> None:
        await self.log.flush()

    @override
    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        found = await self.log.libraries_of(ids)
        return {id_: library for id_, library in found.items() if self.reaches(library)}


class RetrievalLog(Retrieving):
    """Writes retrievals in the background; `close` waits for the last of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Retrieval] = []
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @override
    def add(self, retrieval: Retrieval) -> None:
        self._waiting.append(retrieval)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon())

    @override
    async def flush(self) -> None:
        async with self._turn:
            await self._write()

    @override
    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        async with self._turn:
            waiting = {r.id: r.library for r in self._waiting}
        known = {id_: waiting[id_] for id_ in ids if id_ in waiting}
        if missing := [id_ for id_ in ids if id_ not in known]:
            known |= await self._store.retrievals.libraries_of(missing)
        return known

    async def _write(self) -> None:
        from experience_store.safety.redaction import redact  # noqa: PLC0415  # slow to import

        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        clean = [replace(r, task=redact(r.task[:MAX_TASK])[0]) for r in waiting]
        try:
            await self._store.retrievals.record(clean)
        except BaseException:
            self._waiting = [*waiting, *self._waiting][-MAX_WAITING:]
            raise

    async def close(self) -> None:
        """Write what waits, after what is being written."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.flush()

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(DELAY_SECONDS)
            try:
                await self.flush()
            except ExperienceError:
                logger.exception("retrievals could not be recorded yet")
                return
