"""Input that no sensible client sends gets a clear error, at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.http.in_process import served_in_process
from tests.server.http.serving import JSON, Served
from tests.server.http.signing_in import ERAS, ask, use

HUGE = "apetixmbqfujyncrgvkzodshwl" * 100_000
HALF = "a\ud800b"


@asynccontextmanager
async def administered(database: Path) -> AsyncGenerator[Served]:
    async with served_in_process(database, "--administration") as server:
        lesson = {"library": "lib", "text": "When in doubt, ask the user."}
        await use(server, None, "add_experience", lesson, ERAS[0])
        yield server


async def told(server: Served, tool: str, arguments: Mapping[str, object], era: str) -> str:
    """The text of a refused call."""
    answer: dict[str, Any] = (await use(server, None, tool, arguments, era)).json()["result"]
    assert answer["isError"], answer
    return answer["content"][0]["text"]


async def test_huge_names_are_refused_without_being_compared_or_repeated(database: Path) -> None:
    """Each of these took seconds, in which nobody else was served."""
    calls: list[tuple[str, dict[str, object]]] = [
        ("get_experiences", {"library": HUGE, "task": "x"}),
        ("describe_library", {"library": "lib", "policy": {HUGE: 1}}),
        ("revise_experience", {"library": "lib", "id": f"[{' ' * 100_000}x", "text": "x"}),
        ("add_experience", {"library": "lib", "text": HUGE}),
        ("submit_group", {"library": HUGE, "task": "x", "trajectories": []}),
    ]
    requests: list[tuple[str, dict[str, object]]] = [
        ("tools/call", {"name": HUGE, "arguments": {}}),
        ("prompts/get", {"name": "learn_from_attempts", "arguments": {"library": HUGE}}),
        ("resources/read", {"uri": f"experience://{HUGE}"}),
        ("skills/get", {"uri": f"skill://{HUGE}/SKILL.md"}),
        ("skills/list", {"cursor": HUGE}),
    ]
    async with administered(database) as server:
        said = [await told(server, tool, arguments, ERAS[0]) for tool, arguments in calls]
        answers = [
            await ask(server, None, method, ERAS[0], **params) for method, params in requests
        ]
        completed = await ask(
            server,
            None,
            "completion/complete",
            ref={"type": "ref/resource", "uri": "experience://{library}"},
            argument={"name": "library", "value": HUGE},
        )
    assert "at most 64 are allowed" in said[0]
    assert all(len(text) < 500 for text in said), said
    assert {a.json()["error"]["code"] for a in answers} == {-32602}
    assert all(len(a.text) < 500 for a in answers)
    assert completed.json()["result"]["completion"]["values"] == []


async def test_half_an_emoji_is_mended(database: Path) -> None:
    lesson = {"library": "lib", "text": f"When {HALF} is read, ask."}
    async with administered(database) as server:
        for tool, arguments in (
            ("add_experience", lesson),
            ("get_experiences", {"library": "lib", "task": HALF}),
        ):
            answer = (await use(server, None, tool, arguments, ERAS[1])).json()["result"]
            assert not answer["isError"]
        assert "When a\ufffdb is read, ask." in answer["content"][0]["text"]
        for tool, arguments in (
            ("library_history", {"library": HALF}),
            ("review_updates", {"library": "lib", "update_id": HALF, "decision": "publish"}),
        ):
            assert "a\ufffdb" in await told(server, tool, arguments, ERAS[1])
    assert not [line for line in server.lines if line["level"] == "error"]


@pytest.mark.parametrize("tool", ["library_history", "compare_versions", "roll_back_library"])
async def test_a_version_number_out_of_range_is_refused(database: Path, tool: str) -> None:
    key = {"library_history": "before", "compare_versions": "old"}.get(tool, "version")
    async with administered(database) as server:
        said = await told(server, tool, {"library": "lib", key: 10**30}, ERAS[0])
    assert f"{key}: must be at most" in said


async def test_a_tool_name_that_is_not_a_string_is_refused(database: Path) -> None:
    async with served_in_process(database) as server:
        answer = await ask(server, None, "tools/call", name=["a"], arguments={})
        calls = await server.number(
            'experience_mcp_tool_calls_total{outcome="failed",tool="unknown"}'
        )
    assert answer.json()["error"] == {"code": -32602, "message": "name must be a string"}
    assert calls == 1


async def test_every_refused_request_is_told_what_to_send(database: Path) -> None:
    plain = {"content-type": "text/plain"}
    tried: list[tuple[str, str, bytes, dict[str, str], int, str]] = [
        ("GET", "/", b"", {}, 404, "MCP is at POST /mcp"),
        ("POST", "/sse", b"{}", {}, 404, "MCP is at POST /mcp"),
        ("GET", "/mcp", b"", {}, 405, "this path takes POST only; the server keeps no sessions"),
        ("POST", "/health", b"", {}, 405, "GET"),
        ("POST", "/mcp", b"{}", plain, 415, "'Content-Type: application/json'"),
        ("POST", "/mcp", b"{}", {"accept": "text/html"}, 406, "'Accept: application/json, "),
        ("POST", "/mcp", b'{"tool": "x"}', {}, 400, "the body must be one JSON-RPC message"),
        ("POST", "/mcp", b"[]", {}, 400, "the body must be one JSON-RPC message"),
        ("POST", "/mcp", b"{", {}, 400, "Parse error"),
    ]
    async with served_in_process(database) as server, server.http(**JSON) as http:
        for method, path, body, headers, status, words in tried:
            answer = await http.request(method, path, content=body, headers=headers)
            said = answer.json()["error"]["message"]
            assert (answer.status_code, words in said) == (status, True), (method, path, said)
            assert "validation error" not in answer.text
