"""The demo is real: its answers are answers to the very prompts that the learner makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from server.cli import demo_recording as demo

ROOT = Path(__file__).parents[1]


def test_the_demo_learns_from_recorded_attempts_over_stdio_and_shows_what_and_from_where() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "server.cli", "demo"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )

    assert run.returncode == 0, run.stderr
    assert "Version 1 of the library" in run.stdout
    assert "Add G1" in run.stdout
    assert "[G1]" in run.stdout
    assert "rewards" in run.stdout
    assert "install claude-code" in run.stdout


def test_three_of_the_four_recorded_groups_have_signal() -> None:
    rewards = [{t["reward"] for t in g.trajectories} for g in demo.groups()]

    assert [len(g.trajectories) for g in demo.groups()] == [4, 4, 4, 4]
    assert sum(len(r) > 1 for r in rewards) == 3
