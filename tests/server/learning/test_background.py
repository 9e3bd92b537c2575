"""Learning in the background: when it starts, and what never waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcp import Client

from experience_store.store import Store
from experience_store.testing import Asked, Said, ScriptedEndpoint, lesson
from server.learning.worker import WorkerTimes
from server.mcp.build import build_server
from server.settings import Settings
from tests.databases import writing
from tests.processes.calling import call, submit
from tests.server.learning.scripted_models import (
    FOREVER,
    LONG_ENOUGH,
    TASKS,
    first_update,
    model,
    raw_endpoint,
    right,
    running,
    submit_tasks,
    worker,
)


class Gate:
    """A script that says when it is asked, and answers rightly (after `delay` seconds)."""

    def __init__(self, delay: float = 0.0) -> None:
        self.asked = asyncio.Event()
        self._delay = delay

    def __call__(self, asked: Asked) -> Said:
        self.asked.set()
        return replace(right(asked), delay=self._delay)


async def test_learning_starts_when_enough_groups_wait(store: Store) -> None:
    gate = Gate(FOREVER)
    await submit_tasks(store, TASKS[:2])
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=3, learn_after=FOREVER)
        async with worker(store, settings) as made:
            await made._look()  # pyright: ignore[reportPrivateUsage]
            assert await store.updates.list("lib", 9) == (), "two groups are too few"
            async with running(made), asyncio.timeout(LONG_ENOUGH):
                await submit_tasks(store, TASKS[2:])
                made.wake()
                await gate.asked.wait()

        assert len((await first_update(store)).groups) == 3


async def test_learning_starts_when_a_group_has_waited_long_enough(store: Store) -> None:
    gate = Gate()
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=100, learn_after=0.0)
        async with worker(store, settings) as made, running(made), asyncio.timeout(LONG_ENOUGH):
            await gate.asked.wait()


async def test_a_group_from_while_the_clock_was_ahead_does_not_wait_for_it(
    store: Store, database: Path
) -> None:
    gate = Gate()
    await submit_tasks(store, TASKS[:1])
    with writing(database) as connection:
        ahead = datetime.now(UTC) + timedelta(days=1)
        connection.execute("UPDATE attempt_group SET changed_at = ?", [ahead.isoformat()])
        connection.execute("COMMIT")
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=100, learn_after=FOREVER)
        async with worker(store, settings) as made, running(made), asyncio.timeout(LONG_ENOUGH):
            await gate.asked.wait()


async def test_background_learning_survives_nonsense_from_the_endpoint(
    store: Store,
) -> None:
    await submit_tasks(store, TASKS[:1])
    async with raw_endpoint(b"<html></html>", "text/html") as base_url:
        settings = replace(model(base_url), learn_groups=1, retries=0)
        async with worker(store, settings, times=WorkerTimes(poll=0.01)) as made:
            task = asyncio.create_task(made.run())
            async with asyncio.timeout(LONG_ENOUGH):
                while made.trouble is None and not task.done():  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)
            alive = not task.done()
            await made.stop(task)

    assert alive
    assert "failed: " in str(made.trouble)


async def test_submitting_and_serving_never_wait_for_the_model(database: Path) -> None:
    gate = Gate(FOREVER)
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1)
        server = build_server(Settings(database, model=settings))
        async with Client(server) as client, asyncio.timeout(LONG_ENOUGH):
            first = await submit(client, "Cancel the reservation")
            await gate.asked.wait()
            await submit(client, "Upgrade every passenger")
            running_ = await call(client, "update_experiences", library="lib")
            served = await call(client, "get_experiences", task="Cancel", library="lib")

    assert "in the background" in first.data["next_step"]
    assert (running_.data["status"], "requests" in running_.data) == ("running", False)
    assert served.data["version"] == 0


async def test_what_was_learned_in_the_background_is_served(database: Path) -> None:
    async with ScriptedEndpoint() as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1)
        server = build_server(Settings(database, model=settings))
        async with Client(server) as client, asyncio.timeout(LONG_ENOUGH):
            await submit(client, "Cancel the reservation")
            update = await call(client, "update_experiences", library="lib")
            while update.data["status"] == "running":
                await asyncio.sleep(0.01)
                update = await call(client, "update_experiences", library="lib")
            served = await call(client, "get_experiences", task="Cancel", library="lib")

    assert (update.data["status"], update.data["version"]) == ("published", 1)
    assert list(served.data["experiences"].values()) == [
        f"Check details: {lesson('Cancel the reservation')}"
    ]
