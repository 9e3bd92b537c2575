"""Other people's tools, as `.ci/acceptance` puts them into a directory, and how they are run."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

HERE = Path(__file__).parent
WHERE = "ACCEPTANCE_TOOLS"
SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
INSPECTOR = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
LONG_ENOUGH = 120.0


@dataclass(frozen=True)
class Ran:
    """What came of a program."""

    code: int
    said: str
    complained: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.said)


def tool(name: str) -> Path:
    """The path of a tool; the test is skipped, with the reason, where there is none."""
    given = os.environ.get(WHERE)
    if not given:
        pytest.skip(f"{WHERE} names no directory; `.ci/acceptance DIRECTORY` makes one")
    path = Path(given).resolve() / name
    if not path.exists():
        pytest.skip(f"{name} could not be installed here")
    return path


def on_node(script: str) -> list[str]:
    return [str(tool("node")), str(tool(script))]


async def ran(command: list[str], home: Path) -> Ran:
    """Run a program to its end; it may write nowhere but in `home`."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "NO_COLOR": "1"},
    )
    try:
        async with asyncio.timeout(LONG_ENOUGH):
            said, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, said.decode(), complained.decode())
