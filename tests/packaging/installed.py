"""Starting the program as it comes out of its packages, with uv and a package index."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

LONG_ENOUGH = 300
NO_INDEX = (  # what uv and npm say then
    "failed to fetch",
    "error sending request",
    "network connectivity is disabled",
    "network was disabled",
    "enotfound",
    "econnrefused",
    "etimedout",
    "eai_again",
)


def uv() -> str:
    """The path of uv; the test is skipped without it."""
    found = os.environ.get("UV") or shutil.which("uv")
    if found is None:
        pytest.skip("uv is not here")
    return found


def environment() -> dict[str, str]:
    """This environment, less the one that the tests run in."""
    return {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}


def run(command: Sequence[str], cwd: Path) -> str:
    """What a command says; the test is skipped if it cannot reach a package index."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG_ENOUGH,
        check=False,
    )
    if ended.returncode and any(word in ended.stderr.lower() for word in NO_INDEX):
        pytest.skip(f"no package index can be reached: {ended.stderr[-300:]}")
    assert ended.returncode == 0, f"{command}: {ended.stdout}\n{ended.stderr}"
    return ended.stdout


@asynccontextmanager
async def started(
    command: Sequence[str], cwd: Path, more: Mapping[str, str] | None = None
) -> AsyncGenerator[Client]:
    """A client of a server that a host would start with this command."""
    parameters = StdioServerParameters(
        command=command[0], args=list(command[1:]), cwd=cwd, env={**environment(), **(more or {})}
    )
    async with Client(parameters) as client:
        yield client


async def tools_of(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def learned(client: Client) -> Mapping[str, Any]:
    """Hand in a group, to see that the server can store."""
    attempts = [{"output": "checked", "reward": 1}, {"output": "guessed", "reward": 0}]
    answer = await client.call_tool(
        "submit_group", {"library": "lib", "task": "book a flight", "trajectories": attempts}
    )
    assert not answer.is_error
    found: Mapping[str, Any] = answer.structured_content or {}
    return found
