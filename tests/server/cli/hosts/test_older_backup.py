"""`--undo` of what the first version installed, whose backups had another form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from server.settings import default_database
from tests.server.cli.hosts.workspace import Workspace, data

BEFORE = """{
  "mcpServers": {
    "experience": {"command": "mine"} // my own
  }
}
"""
WRITTEN = """{
  "mcpServers": {
    "experience": {"command": "uvx", "args": [
      "experience-mcp",
      "serve"
    ]} // my own
  }
}
"""


@pytest.fixture
def path(workspace: Workspace) -> Path:
    """A file in which the first version has installed an entry."""
    path = workspace.write("cursor", WRITTEN)
    stem = f"{hashlib.sha256(f'{path}:experience'.encode()).hexdigest()[:16]}-mcp"
    folder = default_database().parent / "hosts"
    folder.mkdir(parents=True)
    (folder / f"{stem}.before.json").write_text(BEFORE)
    record = {
        "file": str(path),
        "name": "experience",
        "entry": {"command": "uvx", "args": ["experience-mcp", "serve"]},
        "older": {"command": "mine"},
        "existed": True,
        "before": f"{stem}.before.json",
        "made": ["inputs"],
        "inputs": [],
        "secrets": {},
        "written": hashlib.sha256(WRITTEN.encode()).hexdigest(),
    }
    (folder / f"{stem}.record.json").write_text(json.dumps(record))
    return path


def test_an_unchanged_file_is_restored_exactly(workspace: Workspace, path: Path) -> None:
    workspace.undo("cursor")
    assert path.read_text() == BEFORE
    assert "nothing to undo" in workspace.run("cursor", "--undo", fails=1)


def test_later_changes_are_kept(workspace: Workspace, path: Path) -> None:
    path.write_text(f"// new\n{WRITTEN}")
    workspace.undo("cursor")
    assert path.read_text() == f"// new\n{BEFORE}"


def test_without_the_copy_the_entry_comes_back(workspace: Workspace, path: Path) -> None:
    for copy in workspace.home.rglob("hosts/*.before*"):
        copy.unlink()
    assert "copy of the original file is gone" in workspace.undo("cursor")
    assert "// my own" in path.read_text()
    assert data(path).at("mcpServers", "experience") == {"command": "mine"}


def test_installing_again_and_undoing_restores_the_file(workspace: Workspace, path: Path) -> None:
    workspace.install("cursor", "--library", "other")
    workspace.undo("cursor")
    assert path.read_text() == BEFORE
