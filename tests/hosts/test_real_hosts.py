"""The hosts' own programs read what is installed, where they are on this machine."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.hosts.installing import Desk


def said_by(program: str, *arguments: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not here")
    ended = subprocess.run(
        [found, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_claude_code_starts_what_is_installed(desk: Desk) -> None:
    desk.install("claude-code")
    listed = said_by("claude", "mcp", "list")
    assert "experience: " in listed
    assert "Connected" in listed
    desk.undo("claude-code")
    assert "experience: " not in said_by("claude", "mcp", "list")


def test_codex_knows_what_is_installed(desk: Desk) -> None:
    desk.install("codex")
    desk.install("codex", "--name", "web", "--url", "http://127.0.0.1:1/mcp", "--token-env", "TOK")
    listed = said_by("codex", "mcp", "list")
    assert "experience " in listed
    assert "TOK" in listed
    desk.undo("codex")
    assert "experience " not in said_by("codex", "mcp", "list")
