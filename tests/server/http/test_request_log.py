"""The log: one line for each request, and nothing that a client sent."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2
import pytest
from pydantic import TypeAdapter, ValidationError

from server.http.asgi_app import http_app
from server.logs import TEXT, JsonLines, Lines
from server.mcp.build import build_server
from server.settings import HttpSettings, Settings
from tests.server.http.serving import JSON, served, submission, tool_call

OWN = HttpSettings("own", 80)

SECRET = "the-word-that-must-not-be-logged"


async def test_each_request_is_one_json_line_without_its_content(database: Path) -> None:
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
async def test_a_safe_request_id_is_kept_and_any_other_replaced(
    settings: Settings, given: str, kept: bool
) -> None:
    app = http_app(build_server(settings), OWN, 80)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://own", headers={"host": "own:80"}
    ) as http:
        answer = await http.get("/health", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.headers["x-request-id"]


def test_a_traceback_is_logged_without_the_input_it_quotes() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python(SECRET)
    what = (caught.type, caught.value, caught.tb)
    text = JsonLines().format(logging.LogRecord("x", logging.ERROR, "x", 1, "bad", None, what))
    assert "ValidationError" in text
    assert SECRET not in text


def test_client_input_cannot_forge_log_lines_or_control_the_terminal() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "bad\nINFO forged \x1b[31m", None, None)
    record.method = "x\nINFO forged \x1b[31m"
    error = ValueError("bad\nINFO forged \x1b[31m")
    record.exc_info = (ValueError, error, None)
    first, *rest = Lines(TEXT).format(record).splitlines()

    assert r"bad\nINFO forged \x1b[31m method=x\nINFO forged \x1b[31m" in first
    assert r"  INFO forged \x1b[31m" in rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
