"""A library deleted while others work on it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from experience_store.errors import LibraryNotFoundError, NotFoundError
from experience_store.index_cache import IndexCache
from experience_store.operations import Add
from experience_store.store import Retrieval, Store, Usage
from experience_store.testing import sensible_answer
from experience_store.update_runner import UpdateRunner
from server.learning.models import Asked, Correction, Reply
from server.learning.worker import Worker, WorkerTimes
from server.retrieval_log import RetrievalLog
from server.settings import ModelSettings
from tests.builders import submission

LONG_ENOUGH = 30.0


class Deleting:
    """A model in whose first call the library is deleted that it is asked about."""

    name = "m"

    def __init__(self, store: Store, library: str) -> None:
        self._store = store
        self._library: str | None = library

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        del correction
        library, self._library = self._library, None
        if library is not None:
            await self._store.libraries.delete(library)
        return Reply(sensible_answer(request.prompt), Usage(1))

    async def probe(self) -> None:
        pass

    async def close(self) -> None:
        pass


def worker(store: Store, published: asyncio.Queue[str] | None = None) -> Worker:
    runner = UpdateRunner(store, IndexCache(store))
    settings = ModelSettings("m", "", learn_groups=1)
    tell = published.put if published else None
    times = WorkerTimes(poll=0.01)
    return Worker(store, runner, Deleting(store, "a"), settings, tell, times=times)


async def test_the_worker_continues_with_the_other_libraries(
    store: Store,
) -> None:
    for library in ("a", "b"):
        await store.groups.submit(library, submission())
    published: asyncio.Queue[str] = asyncio.Queue()
    made = worker(store, published)
    running = asyncio.create_task(made.run())
    try:
        async with asyncio.timeout(LONG_ENOUGH):
            learned = await published.get()
    finally:
        await made.stop(running)
    names = await store.libraries.names()

    assert learned == "b"
    assert made.trouble is None
    assert names == ("b",)


async def test_learning_in_the_foreground_reports_the_deletion(store: Store) -> None:
    await store.groups.submit("a", submission())

    with pytest.raises(NotFoundError, match="does not exist"):
        await worker(store).learn("a")


async def test_retrievals_of_a_deleted_library_are_dropped_and_block_nothing(store: Store) -> None:
    for library in ("a", "b"):
        await store.libraries.ensure(library)
    log = RetrievalLog(store)
    for library in ("a", "b"):
        log.add(Retrieval(f"r-{library}", library, 0, "task", ()))
    await store.libraries.delete("a")
    await log.close()

    assert await store.retrievals.libraries_of(["r-a", "r-b"]) == {"r-b": "b"}


async def test_a_deleted_library_is_gone_with_all_its_contents(
    store: Store, database: Path
) -> None:
    await store.libraries.edit("a", [Add("", "Check first.")], author="", note="")
    await store.groups.submit("a", submission())
    await store.updates.begin("a", "host", 8)
    await store.retrievals.record([Retrieval("r", "a", 0, "task", ())])
    deleted = await store.libraries.delete("a")
    with pytest.raises(LibraryNotFoundError):
        await store.libraries.delete("a")

    assert (deleted.name, deleted.size) == ("a", 1)
    assert filled_tables(database) == {"migration", "library_serial"}


def filled_tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        counts = {t: connection.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in tables}
    return {table for table, count in counts.items() if count}


async def test_a_recreated_library_is_a_different_one(
    store: Store,
) -> None:
    index_cache = IndexCache(store)
    await store.libraries.edit("a", [Add("", "When in doubt, ask the user.")], author="", note="")
    archive = await store.archives.export("a", attempts=True)
    wording = archive.wordings[0].model_copy(update={"text": "When in doubt, ask the boss."})
    before = await index_cache.load("a"), await store.libraries.stamps()
    await store.libraries.delete("a")
    edited = archive.model_copy(update={"wordings": (wording,)})
    await store.archives.import_library(edited, "a")
    after = await index_cache.load("a"), await store.libraries.stamps()

    assert [e.text for e in after[0].state.experiences] == ["When in doubt, ask the boss."]
    assert before[1] != after[1]
    assert before[0].library.created_at == after[0].library.created_at
