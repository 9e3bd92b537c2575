"""What those see who run it: health, numbers, logs."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from pydantic import TypeAdapter, ValidationError

from experience_store.errors import StorageError
from server.http.app import http_app
from server.logs import TEXT, JsonLines, Lines
from server.mcp.build import build_server
from server.settings import HttpSettings, Settings
from tests.http.in_process import served_in_process
from tests.http.serving import JSON, served, submission, tool_call
from tests.processes.calling import call, learn, submit

OWN = HttpSettings("own", 80)

SECRET = "the-word-that-must-not-be-logged"


async def test_it_says_that_it_is_alive_and_ready_and_no_more(database: Path) -> None:
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


async def test_the_numbers_tell_what_was_called_and_what_is_stored(database: Path) -> None:
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


async def test_each_request_is_a_line_of_json_without_what_it_carried(database: Path) -> None:
    auth = f"Bearer {SECRET}"
    async with (
        served(database, "--log-level", "debug") as server,
        server.http(authorization=auth, **JSON) as http,
    ):
        body = tool_call("submit_group", submission(SECRET))
        answer = await http.post(f"/mcp?token={SECRET}", content=body)
        await http.get(f"/{SECRET}")
        await http.post("/mcp", content=f'{{"{SECRET}": not json'.encode())
        wrong = {"task": 5, "library": SECRET, "trajectories": [SECRET]}
        await http.post("/mcp", content=tool_call("submit_group", wrong))
        await http.get("/health", headers={"host": SECRET})
        await http.get("/health", headers={"origin": f"https://{SECRET}"})
        server.signal()
        assert await server.ended() == 0
    assert answer.status_code == 200
    line = next(x for x in server.lines if x["message"] == "request" and x["path"] == "/mcp")
    assert line["level"] == "info"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["tool"], line["outcome"]) == ("tools/call", "submit_group", "ok")
    assert (line["status"], line["milliseconds"] > 0) == (200, True)
    assert line["time"].endswith("+00:00")
    assert SECRET not in repr(server.lines)


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123", True), ("x" * 65, False), ("a b", False), ('{"a":1}', False)]
)
async def test_a_sane_request_id_is_kept_and_any_other_replaced(
    settings: Settings, given: str, kept: bool
) -> None:
    app = http_app(build_server(settings), OWN, 80)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://own", headers={"host": "own:80"}
    ) as http:
        answer = await http.get("/health", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.headers["x-request-id"]


def test_a_traceback_is_logged_without_the_input_that_it_quotes() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python(SECRET)
    what = (caught.type, caught.value, caught.tb)
    text = JsonLines().format(logging.LogRecord("x", logging.ERROR, "x", 1, "bad", None, what))
    assert "ValidationError" in text
    assert SECRET not in text


def test_what_a_client_named_forges_no_line_of_text_and_steers_no_terminal() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "bad\nINFO forged \x1b[31m", None, None)
    record.method = "x\nINFO forged \x1b[31m"
    error = ValueError("bad\nINFO forged \x1b[31m")
    record.exc_info = (ValueError, error, None)
    first, *rest = Lines(TEXT).format(record).splitlines()

    assert r"bad\nINFO forged \x1b[31m method=x\nINFO forged \x1b[31m" in first
    assert r"  INFO forged \x1b[31m" in rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
