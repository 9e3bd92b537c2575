"""The example agents run as their readers run them, and get better."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.parameters import first_of
from tests.paths import ROOT
from tests.processes.starting import python


@pytest.mark.parametrize("example", first_of("python_client", "pydantic_agent"))
def test_an_example_learns_from_the_first_letter_for_the_second(example: str) -> None:
    ended = subprocess.run(
        [python(), "-W", "error", "-m", f"examples.clients.{example}"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    first, *between, second = ended.stdout.splitlines()
    assert first.startswith("first letter:")
    assert first.count("0.0") == first.count("1.0") == 2
    assert any("day first, then month" in line for line in between)
    assert second.startswith("second letter:")
    assert second.count("1.0") == 4


def test_the_examples_name_the_command_of_users() -> None:
    for path in (ROOT / "examples" / "clients").glob("*.*"):
        text = path.read_text(encoding="utf-8")
        if "server.cli" in text:
            assert "uvx" in text, f"{path} starts the clone's server and does not say what else"
