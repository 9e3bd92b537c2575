"""While nothing is learned, everyone who could mend it is told since when and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mcp import Client

from experience_store.store import Store, Trouble
from experience_store.store.workers import FRESH_SECONDS, HIDDEN
from server.access import Access, Scope, current_access
from server.app import open_app
from server.mcp.build import build_server
from server.settings import ModelSettings, Settings
from server.text import HOW_TO_FIT, NONE_FIT
from tests.processes.calling import WON_AND_LOST, call, submit
from tests.server.cli.program import Program
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import LONG_ENOUGH

NOWHERE = "http://127.0.0.1:9/v1"
SAID = "Background learning has been paused since 20"
MODEL = ("--model", "fake", "--base-url", NOWHERE, "--retries", "0", "--learn-groups", "1")


def plain(text: str) -> str:
    return " ".join(text.split())


async def test_a_dead_endpoint_is_reported_wherever_somebody_looks(database: Path) -> None:
    program = Program(database)
    async with (
        served_in_process(database, *MODEL) as server,
        Client(server.url) as client,
        server.http() as http,
        asyncio.timeout(LONG_ENOUGH),
    ):
        before = await http.get("/ready")
        first = await submit(client, "Cancel the reservation")
        while not (ready := await http.get("/ready")).json().get("learning"):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)
        again = await submit(client, "Upgrade every passenger")
        lone = await submit(client, "Alone", trajectories=WON_AND_LOST[:1])
        update = await call(client, "update_experiences", library="lib")
        listed = await call(client, "list_libraries")
        metrics = await http.get("/metrics")
        async with Client(build_server(Settings(database))) as other:
            elsewhere = await call(other, "list_libraries")
            while SAID not in elsewhere.text:
                elsewhere = await call(other, "list_libraries")
        libraries = await asyncio.to_thread(program.run, "libraries")
        as_json = await asyncio.to_thread(program.json, "libraries")
        doctor = await asyncio.to_thread(program.run, "doctor", fails=1)

    assert before.json() == {"status": "ready"}
    assert "will learn from it in the background" in first.data["next_step"]
    assert ready.status_code == 200
    paused = ready.json()["learning"]
    assert paused["status"] == "paused"
    assert datetime.fromisoformat(paused["since"]) <= datetime.now(UTC)
    assert NOWHERE in paused["reason"]
    for said in (
        *(again.data["next_step"], lone.data["next_step"], update.data["next_step"]),
        *(listed.data["next_step"], listed.text, elsewhere.data["next_step"]),
        *(plain(libraries.stdout), plain(doctor.stdout)),
    ):
        assert SAID in said
        assert NOWHERE in said
    assert "will learn" not in again.data["next_step"]
    assert listed.data["libraries"][0]["waiting"] == 2
    assert "2 waiting to be learned from" in listed.text
    assert as_json.at("libraries", 0, "waiting") == 2
    assert NOWHERE in str(as_json.at("held_up", 0, "reason"))
    assert "experience_mcp_learning_paused 1.0" in metrics.text
    stopped = await asyncio.to_thread(program.run, "libraries")
    assert "has been paused" not in stopped.stdout


async def test_the_reason_is_for_those_with_full_access(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble(datetime.now(UTC), "fake failed: at an internal address")
    settings = Settings(database, model=ModelSettings("fake", "none", NOWHERE))
    async with open_app(settings, background=False) as app:
        assert app.worker
        monkeypatch.setattr(type(app.worker), "trouble", trouble)
        await app.store.workers.report("a worker", trouble)
        token = current_access.set(Access("x", frozenset(Scope), frozenset({"lib"})))
        try:
            seen = app.seen()
        finally:
            current_access.reset(token)
        assert app.trouble == trouble
        assert await seen.any_trouble() == seen.trouble == replace(trouble, reason=HIDDEN)
        (told,) = await seen.store.workers.troubles()
        assert told.reason == HIDDEN


async def test_without_signing_in_the_reason_is_not_told(database: Path) -> None:
    async with served_in_process(database, *MODEL, "--sign-in") as server, server.http() as http:
        await submit_directly(database)
        async with asyncio.timeout(LONG_ENOUGH):
            while not (ready := await http.get("/ready")).json().get("learning"):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)
    assert ready.json()["learning"]["reason"] == HIDDEN


async def submit_directly(database: Path) -> None:
    async with Client(build_server(Settings(database))) as client:
        await submit(client, "Cancel the reservation")


async def test_a_trouble_is_forgotten_when_its_worker_recovers_or_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (Trouble(datetime(2026, 1, n, tzinfo=UTC), f"reason {n}") for n in (1, 2))
    await store.workers.report("two", two)
    await store.workers.report("one", one)
    assert await store.workers.troubles() == (one, two)
    await store.workers.report("one", two)
    await store.workers.recovered("two")
    assert await store.workers.troubles() == (two,)
    monkeypatch.setattr("experience_store.sqlite.store.FRESH_SECONDS", -FRESH_SECONDS)
    assert await store.workers.troubles() == (), "it has said nothing for long"


async def test_after_a_few_lone_attempts_it_is_said_what_to_do(database: Path) -> None:
    lone = WON_AND_LOST[:1]
    async with Client(build_server(Settings(database))) as client:
        said = [
            (await submit(client, f"Task {n}", trajectories=lone)).data["next_step"]
            for n in range(5)
        ]
        update = await call(client, "update_experiences", library="lib")
        await submit(client, "Cancel the reservation")
        after = await submit(client, "Task 9", trajectories=lone)

    assert [NONE_FIT in step for step in said] == [False] * 4 + [True]
    assert HOW_TO_FIT in said[-1]
    assert update.data["status"] == "nothing_to_learn"
    assert NONE_FIT in update.data["next_step"]
    assert NONE_FIT not in after.data["next_step"]
