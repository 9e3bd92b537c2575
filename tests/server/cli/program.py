"""Runs the program in tests, in this process or as a child process."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result

from server.cli.main import main
from tests.paths import DATA

AIRLINE = DATA / "tau-bench-airline" / "rollouts.jsonl"
DATES = DATA / "korgym-datecount" / "groups.jsonl"
AIME = DATA / "aime-2024" / "groups.jsonl"


def needs(file: Path) -> str:
    """The path of a file with real data; without it, the test is skipped."""
    if not file.exists():
        pytest.skip(f"{file} is missing")
    return str(file)


@dataclass(frozen=True)
class Program:
    """The program with one database."""

    database: Path

    def run(self, *args: str, stdin: str | bytes | None = None, fails: int = 0) -> Result:
        """Run a command and check its exit code."""
        environment = {"EXPERIENCE_MCP_DATABASE": str(self.database), "COLUMNS": "80"}
        result = CliRunner(env=environment).invoke(main, args, input=stdin)
        assert result.exit_code == fails, f"{args}: {result.output}\n{result.exc_info}"
        return result

    def json(self, *args: str, stdin: str | bytes | None = None, fails: int = 0) -> Json:
        """The JSON that a command prints with --json."""
        return Json(json.loads(self.run(*args, "--json", stdin=stdin, fails=fails).stdout))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a child process: what hosts pass on, and the database."""
        passed = {k: v for k, v in os.environ.items() if k in {"HOME", "PATH", "PYTHONPATH"}}
        return {**passed, "EXPERIENCE_MCP_DATABASE": str(self.database), **more}


class Json:
    """JSON with access by path: `found.at("libraries", 0, "new")`."""

    def __init__(self, value: object) -> None:
        self.value = value

    def at(self, *path: str | int) -> object:
        found = self.value
        for step in path:
            if isinstance(step, int):
                assert isinstance(found, list), f"there is no {step!r} in {found!r}"
                found = cast("list[object]", found)[step]
            else:
                assert isinstance(found, dict), f"there is no {step!r} in {found!r}"
                found = cast("dict[str, object]", found)[step]
        return found

    def all(self, *path: str | int, of: str) -> list[object]:
        items = self.at(*path)
        assert isinstance(items, list)
        return [Json(item).at(of) for item in cast("list[object]", items)]


def lines(*values: object) -> str:
    """JSON lines."""
    return "".join(json.dumps(value) + "\n" for value in values)
