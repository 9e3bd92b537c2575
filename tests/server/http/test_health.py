"""Health checks and metrics."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from mcp import Client

from experience_store.errors import StorageError
from server.http.asgi_app import http_app
from server.mcp.build import build_server
from server.settings import HttpSettings, Settings
from tests.processes.calling import call, learn, submit
from tests.server.http.in_process import served_in_process

OWN = HttpSettings("own", 80)
SECRET = "the-word-that-must-not-be-shown"


async def test_health_and_readiness_say_no_more_than_that(database: Path) -> None:
    async with served_in_process(database) as server, server.http() as http:
        alive, ready = await http.get("/health"), await http.get("/ready")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_it_is_not_ready_while_the_store_cannot_be_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = build_server(settings)
    transport = httpx2.ASGITransport(http_app(server, OWN, 80))
    async with (
        server.shared_app() as app,
        httpx2.AsyncClient(
            transport=transport, base_url="http://own:80", headers={"host": "own:80"}
        ) as http,
    ):

        async def broken(*_: object) -> tuple[str, ...]:
            raise StorageError(f"disk I/O error in {SECRET}")

        monkeypatch.setattr(app.store.libraries, "names", broken)
        monkeypatch.setattr(app.store, "totals", broken)
        ready = await http.get("/ready")
        alive = await http.get("/health")
        numbers = await http.get("/metrics")
    assert ready.status_code == 503
    assert "cannot be read (StorageError)" in ready.json()["reason"]
    assert SECRET not in ready.text
    assert (alive.status_code, numbers.status_code) == (200, 200)
    assert "experience_mcp_store_groups NaN" in numbers.text


async def test_it_is_not_ready_once_its_file_is_gone(database: Path) -> None:
    async with served_in_process(database) as server, server.http() as http:
        database.rename(database.with_name("elsewhere.db"))  # noqa: ASYNC240  # a test waits
        ready = await http.get("/ready")

    assert ready.status_code == 503


async def test_metrics_count_calls_and_what_is_stored(database: Path) -> None:
    async with served_in_process(database) as server, Client(server.url) as client:
        await submit(client, "Cancel the reservation")
        await learn(client)
        await call(client, "get_experiences", task="Cancel", library="lib")
        await call(client, "get_experiences", task="Cancel", library="not a name!")
        await call(client, "made_up_by_the_client")
        async with server.http() as http:
            answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    numbers = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#")
    assert numbers['experience_mcp_tool_calls_total{outcome="ok",tool="submit_group"}'] == "1.0"
    assert numbers['experience_mcp_tool_calls_total{outcome="ok",tool="get_experiences"}'] == "1.0"
    assert (
        numbers['experience_mcp_tool_calls_total{outcome="error",tool="get_experiences"}'] == "1.0"
    )
    assert numbers['experience_mcp_tool_seconds_count{tool="submit_group"}'] == "1.0"
    assert numbers["experience_mcp_store_attempts"] == "2.0"
    assert numbers["experience_mcp_store_waiting"] == "0.0"
    assert numbers['experience_mcp_store_updates{status="published"}'] == "1.0"
    assert "process_resident_memory_bytes" in numbers
    assert "made_up" not in answer.text
    assert "lib" not in answer.text.replace("libraries", "").replace("Libraries", "")
