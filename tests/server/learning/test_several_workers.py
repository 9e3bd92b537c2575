"""Several workers on one database, and workers that are killed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import LeaseLostError
from experience_store.sqlite.updates import SqliteUpdates
from experience_store.store import Publication, Store, UpdateRecord
from experience_store.testing import Asked, Said, ScriptedEndpoint, lesson
from server.learning.worker import WorkerTimes
from tests.paths import ROOT
from tests.processes.starting import kill, python
from tests.server.learning.scripted_models import (
    FOREVER,
    LONG_ENOUGH,
    TASKS,
    first_update,
    is_about,
    learn,
    lessons,
    model,
    right,
    submit_tasks,
    worker,
)


def run_out(database: Path) -> None:
    """Let every lease run out, as if its time had passed."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE learning_update SET leased_till = 0 WHERE owner IS NOT NULL")


async def test_after_a_kill_only_calls_in_flight_are_repeated(store: Store, database: Path) -> None:
    def held_back(asked: Asked) -> Said:
        return replace(right(asked), delay=FOREVER if is_about(asked, TASKS[2]) else 0.0)

    await submit_tasks(store)
    async with ScriptedEndpoint(held_back) as first:
        child = await asyncio.create_subprocess_exec(
            *(python(), "-m", "tests.processes.learn", str(database), first.base_url),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout
        async with asyncio.timeout(LONG_ENOUGH):
            while await child.stdout.readline() != b"2 1\n":
                assert child.returncode is None
        kill(child)
        await child.wait()

    (open_,) = await store.updates.open("lib")
    async with ScriptedEndpoint() as second:
        assert await learn(store, second) == []
        assert second.calls == [], "the lease of the dead process still holds"
        run_out(database)
        (closed,) = await learn(store, second)

    assert closed.id == open_
    compared = [p for p in second.prompts() if "<proposals>" not in p]
    assert compared == [next(a.prompt for a in first.calls if is_about(a, TASKS[2]))]
    assert await lessons(store) == {lesson(task) for task in TASKS}


async def test_two_workers_on_one_database_never_duplicate_work(
    store: Store, database: Path
) -> None:
    tasks = [f"Handle {chr(97 + n // 26) * 3}{chr(97 + n % 26) * 3} well" for n in range(40)]
    await submit_tasks(store, tasks)
    other_store = await open_store(database)
    async with ScriptedEndpoint(lambda asked: replace(right(asked), delay=0.01)) as endpoint:
        settings = replace(model(endpoint.base_url), concurrency=8)
        async with (
            worker(store, settings, groups_per_update=32) as one,
            worker(other_store, settings, groups_per_update=32) as other,
        ):
            closed = await asyncio.gather(one.learn("lib"), other.learn("lib"))
    await other_store.close()

    compared = [p for p in endpoint.prompts() if "<proposals>" not in p]
    assert len(compared) == len(set(compared)) == 40
    assert sorted(len(c.groups) for records in closed for c in records) == [8, 32]
    assert await lessons(store) == {lesson(task) for task in tasks}
    assert (await store.groups.counts("lib")).learned == 40


async def test_a_lease_that_ends_with_its_update_is_not_reported_as_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = SqliteUpdates.publish
    heartbeat_failed = asyncio.Event()

    async def keep(*_: object) -> None:
        if not heartbeat_failed.is_set() and (await first_update(store)).status != "open":
            heartbeat_failed.set()
            raise LeaseLostError

    async def publish_slowly(
        self: SqliteUpdates, update_id: str, publication: Publication
    ) -> UpdateRecord:
        record = await publish(self, update_id, publication)
        await heartbeat_failed.wait()
        await asyncio.sleep(0.05)
        return record

    monkeypatch.setattr(SqliteUpdates, "keep", keep)
    monkeypatch.setattr(SqliteUpdates, "publish", publish_slowly)
    await submit_tasks(store)
    async with ScriptedEndpoint(right) as endpoint:
        times = WorkerTimes(heartbeat=0.01)
        async with worker(store, model(endpoint.base_url), times=times) as made:
            (closed,) = await made.learn("lib")

    assert closed.status == "published"
