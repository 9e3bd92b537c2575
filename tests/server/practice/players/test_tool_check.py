"""Tool servers are started and asked for their tools before anything is spent."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.server.practice.scripted_agent import SERVER
from tests.server.practice.scripted_world import ground

pytestmark = [
    pytest.mark.usefixtures("no_pages"),
    pytest.mark.skipif(find_spec("pydantic_ai") is None, reason="needs pydantic-ai"),
]

GOOD = {"command": sys.executable, "args": [SERVER]}


def script(code: str) -> dict[str, object]:
    return {"command": sys.executable, "args": ["-c", code]}


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"command": "no-such-program-here"}, "'bad' does not start: "),
        (
            script("import sys; print('no module named numbers', file=sys.stderr); sys.exit(3)"),
            "its last words: no module named numbers",
        ),
        pytest.param(
            script("import time; time.sleep(60)"),
            "did not list its tools within 2 s",
            marks=pytest.mark.exhaustive,
        ),
        ({"url": "http://127.0.0.1:1/mcp"}, "'bad' does not start: "),
    ],
    ids=["no program", "dies", "hangs", "no address"],
)
async def test_a_server_that_does_not_start_is_named_before_anything_is_spent(
    tmp_path: Path, server: dict[str, object], said: str
) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"good": GOOD, "bad": server}}))
    async with ground(tmp_path) as here:
        options = ("--tools", str(file), "--tools-seconds", "2")
        ended = await here.do("practice", *options, code=1)
        assert said in ended.error, ended.error
        assert "the tool server 'bad'" in ended.error
        assert here.endpoint.calls == []
        assert not here.run.exists()


async def test_servers_that_start_pass(tmp_path: Path) -> None:
    from server.practice.players.tool_check import check_tools  # noqa: PLC0415  # takes seconds

    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"one": GOOD, "two": GOOD}}))
    await check_tools(file, 60)


async def test_data_and_tools_are_looked_at_before_the_key(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        bare = ["practice", "--verifier", "match", "--model", "gpt", "--library", "lib"]
        said = [
            (await here.invoke([*bare, "--data", "nowhere.jsonl"])).error,
            (
                await here.invoke(
                    [*bare, "--data", str(tmp_path / "practice.jsonl"), "--tools", "nowhere.json"]
                )
            ).error,
            (await here.invoke([*bare, "--data", str(tmp_path / "practice.jsonl")])).error,
        ]
    assert ["nowhere.jsonl" in said[0], "nowhere.json" in said[1]] == [True, True]
    assert "OPENAI_API_KEY" in said[2]
