"""The tutorial is true: its commands run in order, and print what it shows.

In a `console` block a line that begins with `$ ` is a command, and what follows is its output. A
line `…` there stands for any number of lines; times and random ids may differ. Blocks of other
kinds are not run. `UPDATE_GOLDEN=1 uv run pytest tests/docs/test_tutorial.py` replaces every output
that has no `…` by the real one.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT
from tests.processes.starting import python

TUTORIAL = ROOT / "docs" / "tutorial.md"
HOME = "/home/you"
DONE = "::done::"
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)
_VARIES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d|\br-[0-9a-f]{12}\b")
_UV = """#!/bin/sh
export PATH="{environment}:$PATH"
program=$2
shift 2
case $program in
    experience-mcp) exec {python} -P -m server.cli "$@" ;;
    python) exec {python} "$@" ;;
esac
"""


@dataclass(frozen=True)
class Step:
    """A command and the output that the tutorial shows for it."""

    command: str
    shown: str

    def holds(self, output: str) -> bool:
        pattern = "".join(
            r"(?:.*\n)*" if line == "…" else re.escape(line) + r"\n"
            for line in _comparable(self.shown).splitlines()
        )
        return re.fullmatch(pattern, _comparable(output)) is not None


def _comparable(text: str) -> str:
    return _VARIES.sub("(varies)", text)


def steps(text: str) -> list[Step]:
    return [Step(*step) for block in _BLOCK.findall(text) for step in _STEP.findall(block)]


def outputs(commands: list[str], folder: Path) -> list[str]:
    """The output of each command, run in one shell whose `uv run` starts programs as tests do."""
    uv = folder / "bin" / "uv"
    uv.parent.mkdir()
    text = _UV.format(environment=Path(sys.executable).parent, python=shlex.quote(python()))
    uv.write_text(text, encoding="utf-8")
    uv.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    script = "".join(f"{command}echo {DONE} $?\n" for command in commands)
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={"PATH": f"{uv.parent}:{os.environ['PATH']}", "HOME": str(home), "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    said = ended.stdout.replace(str(home), HOME)
    failed = re.findall(rf"(.*)\n{DONE} [^0]", said)
    assert not failed, failed
    return re.split(rf"{DONE} 0\n", said)[:-1]


def updated(text: str, told: list[Step], printed: list[str]) -> str:
    """The tutorial with the real output of every step that shows another one."""
    done = ""
    for step, output in zip(told, printed, strict=True):
        before, found, text = text.partition(f"$ {step.command}{step.shown}")
        if not step.holds(output):
            assert "…\n" not in step.shown, f"$ {step.command}now prints:\n{output}"
            found = f"$ {step.command}{output}"
        done += before + found
    return done + text


def test_every_command_of_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    told = steps(text)
    printed = outputs([step.command for step in told], tmp_path)
    if os.environ.get("UPDATE_GOLDEN"):
        TUTORIAL.write_text(updated(text, told, printed), encoding="utf-8")
        return

    wrong = [f"$ {s.command}{o}" for s, o in zip(told, printed, strict=True) if not s.holds(o)]
    assert not wrong, "\n".join(["The tutorial shows other output than:", *wrong])
    assert len(told) > 10
