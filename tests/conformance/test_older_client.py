"""A client on the SDK's 1.x, in an environment of its own, as many hosts still are."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conformance.tools import HERE, Ran, ran, tool
from tests.server.http.serving import served


def client() -> list[str]:
    return [str(tool("sdk1/bin/python")), str(HERE / "older_client.py")]


def told(run: Ran) -> Mapping[str, Any]:
    """What the client saw; everything but its capabilities is alike on every transport."""
    assert run.code == 0, run.complained
    saw = run.json
    assert saw["version"] == "2025-11-25"
    assert saw["tools"][:5] == [
        "get_experiences",
        "submit_group",
        "update_experiences",
        "submit_answers",
        "list_libraries",
    ]
    assert saw["before"]["experiences"] == {}
    assert (saw["submitted"]["signal"], saw["submitted"]["trajectories"]) == (True, 2)
    assert (saw["published"]["status"], saw["published"]["version"]) == ("published", 1)
    assert saw["after"]["experiences"] == {"G1": "Check: When booking, check the rules."}
    assert [lib["name"] for lib in saw["libraries"]["libraries"]] == ["lib"]
    assert "experience://lib" in saw["resources"]
    assert "experience://{library}" in saw["templates"]
    assert "- [G1] Check: When booking, check the rules." in saw["text"]
    assert saw["prompts"] == ["solve_with_experiences", "learn_from_attempts"]
    assert "check the rules" in saw["prompt"]
    assert saw["completed"] == ["lib"]
    return saw


async def test_it_uses_everything_over_stdio(database: Path, tmp_path: Path) -> None:
    server = [sys.executable, "-P", "-m", "server.cli", "serve", "--database", str(database)]
    saw = told(await ran([*client(), *server], tmp_path))

    assert saw["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
    assert saw["told"] == "experience://lib"


async def test_it_uses_everything_but_subscriptions_over_http(
    database: Path, tmp_path: Path
) -> None:
    command = client()
    async with served(database) as server:
        saw = told(await ran([*command, server.url], tmp_path))

    assert saw["capabilities"]["resources"] == {"subscribe": False, "listChanged": False}
