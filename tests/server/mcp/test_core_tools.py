"""The core tools as clients list them: names, arguments, hints and size."""

from __future__ import annotations

import json
from pathlib import Path

from experience_store.token_estimate import estimate_tokens
from tests.server.mcp.connections import (
    TOOLS,
    Mode,
    connected,
)


async def test_the_five_tools_exist_with_every_hint_set(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        tools = (await client.list_tools()).tools

    assert [t.name for t in tools] == [*TOOLS, "list_libraries"]
    for tool in tools:
        hints = tool.annotations
        assert hints
        assert tool.title
        assert tool.output_schema
        assert hints.destructive_hint is False
        assert hints.open_world_hint is False
        assert hints.idempotent_hint is (tool.name != "submit_group")
        assert hints.read_only_hint is (tool.name in {"get_experiences", "list_libraries"})


async def test_the_tools_take_the_arguments_that_clients_may_rely_on(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        schemas = {t.name: t.input_schema for t in (await client.list_tools()).tools}

    def takes(tool: str) -> tuple[set[str], set[str]]:
        return set(schemas[tool].get("properties", {})), set(schemas[tool].get("required", []))

    assert takes("get_experiences") == ({"task", "library", "max_tokens"}, {"task"})
    assert takes("submit_group") == (
        {"task", "trajectories", "library", "group_id", "ground_truth"},
        {"task", "trajectories"},
    )
    assert takes("update_experiences") == ({"library"}, set())
    assert takes("submit_answers") == ({"update_id", "answers"}, {"update_id", "answers"})
    assert takes("list_libraries") == ({"after"}, set())
    attempt = schemas["submit_group"]["properties"]["trajectories"]["items"]["properties"]
    assert {
        "reward",
        "messages",
        "output",
        "feedback",
        "retrieval_id",
        "model",
        "metadata",
        "id",
    } <= (set(attempt))
    answer = schemas["submit_answers"]["properties"]["answers"]["items"]["properties"]
    assert set(answer) == {"request_id", "answer"}


async def test_hosts_show_instructions_and_descriptions_uncut(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        tools = (await client.list_tools()).tools
        instructions = client.instructions

    assert instructions
    assert len(instructions) <= 2_048
    assert all(0 < len((t.description or "").encode()) <= 2_048 for t in tools)


async def test_the_tool_definitions_are_at_most_6_kb(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        tools = (await client.list_tools()).tools

    plain = [t.model_dump(by_alias=True, exclude_none=True, mode="json") for t in tools]
    compact = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)

    assert len(compact.encode()) <= 6 * 1024
    assert estimate_tokens(compact) < 2_000
