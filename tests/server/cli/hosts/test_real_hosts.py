"""Real hosts, if they are on this machine, read what `install` writes."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.server.cli.hosts.workspace import Workspace


def output_of(program: str, *arguments: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
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


def test_claude_code_starts_what_is_installed(workspace: Workspace) -> None:
    workspace.install("claude-code")
    listed = output_of("claude", "mcp", "list")
    assert "experience: " in listed
    assert "Connected" in listed
    workspace.undo("claude-code")
    assert "experience: " not in output_of("claude", "mcp", "list")


def test_codex_lists_what_is_installed(workspace: Workspace) -> None:
    workspace.install("codex")
    workspace.install(
        "codex", "--name", "web", "--url", "http://127.0.0.1:1/mcp", "--token-env", "TOK"
    )
    listed = output_of("codex", "mcp", "list")
    assert "experience " in listed
    assert "TOK" in listed
    workspace.undo("codex")
    assert "experience " not in output_of("codex", "mcp", "list")
