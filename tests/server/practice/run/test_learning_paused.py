"""What holds up learning: an endpoint that is left alone while it is down, a full disk."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from experience_store.errors import StorageError
from experience_store.store import Store
from experience_store.testing import Asked, Said, ScriptedEndpoint
from experience_store.update_runner import UpdateRunner
from server.learning.models.endpoint import PROBE
from server.learning.worker import Worker, WorkerTimes
from tests.server.learning.scripted_models import (
    FOREVER,
    LONG_ENOUGH,
    model,
    running,
    submit_tasks,
    worker,
)
from tests.server.practice.scripted_world import but, counted, ground, is_attempt, world


@pytest.mark.usefixtures("no_pages")
@pytest.mark.exhaustive
async def test_a_full_disk_while_learning_stops_the_run_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StorageError("the database cannot be written now (database or disk is full)")

    async with ground(tmp_path) as here:
        with monkeypatch.context() as patch:
            patch.setattr(UpdateRunner, "keep", full)
            ended = await here.do("practice", code=3)
        assert "cannot be stored: the database cannot be written now" in ended.errors
        assert here.report()["steps"] == []
        await here.do("practice")
        found = here.report()
    assert found["steps"][0]["size"] > 0
    assert found["stopped"] is None
    assert counted(found["totals"]["whole"])["calls"] <= len(here.endpoint.calls)


async def test_an_endpoint_that_is_down_is_not_called_during_the_pause(store: Store) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint(lambda _: Said(status=503)) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1, retries=0)
        async with (
            asyncio.timeout(LONG_ENOUGH),
            worker(store, settings, times=WorkerTimes(poll=FOREVER)) as made,
            running(made),
        ):
            while made.trouble is None:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)
            (open_,) = await store.updates.open("lib")
            while (await store.updates.get(open_)).leased:  # noqa: ASYNC110  # calls are in flight
                await asyncio.sleep(0.01)
            asked = len(endpoint.calls)
            for _ in range(20):
                made.wake(take_over="lib")
                await asyncio.sleep(0.01)
            assert len(endpoint.calls) == asked


@pytest.mark.usefixtures("no_pages")
async def test_an_outage_while_learning_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = WorkerTimes(poll=0.05)  # the first of its growing pauses
    defaults = Worker.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "times", times)
    failed: list[Asked] = []

    def for_a_while(asked: Asked) -> Said | None:
        over = sum(call.prompt == PROBE for call in failed) > 4
        if over or is_attempt(asked):
            return None
        failed.append(asked)
        return Said(status=503)

    async with ground(tmp_path, but(world, for_a_while)) as here:
        ended = await here.do("practice")
        assert "Learning is paused and will be retried" in ended.errors
        assert here.report()["steps"][0]["size"] > 0
