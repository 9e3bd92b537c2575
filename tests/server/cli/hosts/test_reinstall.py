"""Installing again loses nothing of the user's, and passes no token to another server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from server.cli.hosts.config_file import ConfigFile, write_file
from server.json_values import as_object
from tests.paths import ROOT
from tests.processes.starting import cli_command
from tests.server.cli.hosts.workspace import CODEX, URL, Workspace, data, strict

OWN = '{\n  "mcpServers": {\n    "experience": {"command": "mine", "args": ["precious"]}\n  }\n}\n'
OTHER = "https://other.example/mcp"


def copies(workspace: Workspace) -> list[str]:
    return sorted(p.read_text() for p in workspace.home.rglob("hosts/*.before*"))


def with_key(path: Path) -> None:
    """Add an `env` to the entry, as the documentation says."""
    found = json.loads(path.read_text())
    found["mcpServers"]["experience"]["env"] = {"OPENAI_API_KEY": "k"}
    path.write_text(json.dumps(found, indent=2))


def test_undo_restores_the_entry_before_the_first_install(workspace: Workspace) -> None:
    path = workspace.write("cursor", OWN)
    workspace.install("cursor")
    with_key(path)
    changed = path.read_text()
    workspace.install("cursor", "--library", "x")
    assert copies(workspace) == sorted([OWN, changed])
    assert "was changed since it was installed" not in workspace.undo("cursor")
    assert strict(path).value == json.loads(OWN)
    assert '{"command": "mine", "args": ["precious"]}' in path.read_text()


def test_no_copy_is_overwritten_when_the_entry_was_removed_by_hand(workspace: Workspace) -> None:
    path = workspace.write("cursor", OWN)
    workspace.install("cursor")
    path.write_text("{}\n")
    workspace.install("cursor")
    assert copies(workspace) == sorted([OWN, "{}\n"])
    workspace.undo("cursor")
    assert path.read_text() == "{}\n"
    assert copies(workspace) == [OWN]


def test_a_refused_second_install_loses_nothing(workspace: Workspace) -> None:
    path = workspace.write("cursor", OWN)
    workspace.install("cursor")
    with_key(path)
    path.chmod(0o444)
    assert "is read-only" in workspace.run("cursor", "--yes", "--library", "x", fails=1)
    path.chmod(0o644)
    assert copies(workspace) == [OWN]
    workspace.undo("cursor")
    assert strict(path).value == json.loads(OWN)


def test_a_refused_install_leaves_nothing_to_undo(workspace: Workspace) -> None:
    path = workspace.write("cursor", "{}")
    path.chmod(0o444)
    workspace.run("cursor", "--yes", fails=1)
    path.chmod(0o644)
    path.write_text(OWN)
    assert "nothing to undo" in workspace.run("cursor", "--yes", "--undo", fails=1)
    assert path.read_text() == OWN
    assert not list(workspace.home.rglob("hosts/*"))


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("before", [OWN, None])
def test_after_a_kill_the_file_tells_whether_there_is_something_to_undo(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, before: str | None, written: bool
) -> None:
    path = workspace.file("cursor") if before is None else workspace.write("cursor", before)

    def killed(file: ConfigFile, content: bytes | None) -> None:
        if file.path != path or written:
            write_file(file, content)
        if file.path == path:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("server.cli.hosts.changes.write_file", killed)
        workspace.run("cursor", "--yes", fails=130)
    assert (path.exists() and "serve" in path.read_text()) == written
    if before is None or written:
        workspace.undo("cursor")
    else:
        assert "nothing to undo" in workspace.run("cursor", "--yes", "--undo", fails=1)
    assert (path.read_text() if path.exists() else None) == before


@pytest.mark.parametrize("again", [("--url", OTHER), ()])
def test_the_token_of_one_server_does_not_go_to_another(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, again: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TK", "s3cret-value")
    path = workspace.file("claude-desktop")
    workspace.install("claude-desktop", "--url", URL, "--token-env", "TK")
    path.write_text(path.read_text().replace('"s3cret-value"', '"s3cret-value", "MINE": "1"'))
    workspace.install("claude-desktop", *again)
    assert data(path).at("mcpServers", "experience", "env") == {"MINE": "1"}
    assert "s3cret-value" not in path.read_text()
    workspace.undo("claude-desktop")
    assert not [p for p in workspace.home.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]


def test_nothing_keeps_a_token_after_undo(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TK", "s3cret-value")
    path = workspace.write("claude-desktop", '{\n  "theme": 1\n}\n')
    workspace.install("claude-desktop", "--url", URL, "--token-env", "TK")
    workspace.install("claude-desktop", "--name", "second")
    kept = [p for p in workspace.home.rglob("hosts/*") if b"s3cret" in p.read_bytes()]
    assert len(kept) == 3
    assert os.name != "posix" or all(p.stat().st_mode & 0o077 == 0 for p in kept)
    workspace.undo("claude-desktop")
    assert not [p for p in workspace.home.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]
    workspace.undo("claude-desktop", "--name", "second")
    assert path.read_text() == '{\n  "theme": 1\n}\n'


def test_undo_does_not_need_the_copy(workspace: Workspace) -> None:
    path = workspace.write("cursor", OWN)
    workspace.install("cursor")
    for copy in workspace.home.rglob("hosts/*.before*"):
        copy.unlink()
    workspace.undo("cursor")
    assert path.read_text() == OWN


def test_an_input_stays_as_long_as_an_entry_uses_it(workspace: Workspace) -> None:
    path = workspace.write("vscode", "{}\n")
    asked = ("--url", URL, "--token-env", "EXPERIENCE_TOKEN")
    workspace.install("vscode", *asked)
    workspace.install("vscode", "--name", "second", *asked)
    workspace.undo("vscode")
    assert data(path).all("inputs", of="id") == ["experience-token"]
    workspace.undo("vscode", "--name", "second")
    assert data(path).value == {}


def test_keys_of_the_other_kind_of_server_are_removed(workspace: Workspace) -> None:
    served = (
        f'[mcp_servers.experience]\nurl = "{URL}"\nhttp_headers = {{ "X-A" = "b" }}\n'
        'startup_timeout_sec = 20\n\n[mcp_servers.experience.env_http_headers]\nAuth = "T"\n'
    )
    path = workspace.write("codex", CODEX + served)
    workspace.install("codex")
    entry = data(path).at("mcp_servers", "experience")
    assert set(as_object(entry) or {}) == {"command", "args", "startup_timeout_sec"}
    path.write_text('[mcp_servers.experience]\ncommand = "x"\nenv_vars = ["OPENAI_API_KEY"]\n')
    workspace.install("codex", "--url", URL)
    assert data(path).at("mcp_servers", "experience") == {"url": URL}


def test_concurrent_installs_all_end_up_in_the_file(workspace: Workspace) -> None:
    path = workspace.project / "mcp.json"
    path.write_text('{"mcpServers": {"mine": {"command": "x"}}}\n')
    program = cli_command("install", str(path), "--yes", "--name")
    root = str(ROOT)
    started = [
        subprocess.Popen(
            [*program, f"s{number}"],
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(8)
    ]
    for process in started:
        assert process.communicate(timeout=120)[1] == b""
    found = strict(path).at("mcpServers")
    assert set(as_object(found) or {}) == {"mine", *(f"s{number}" for number in range(8))}


def test_a_change_just_before_the_file_is_replaced_is_not_overwritten(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.write("cursor", "{}")
    synced = os.fsync

    def changing(handle: int) -> None:
        synced(handle)
        if path.read_text() == "{}" and list(path.parent.glob(".mcp.json.*")):
            path.write_text('{"a": 1}')

    monkeypatch.setattr(os, "fsync", changing)
    assert "was changed meanwhile" in workspace.run("cursor", "--yes", fails=1)
    assert path.read_text() == '{"a": 1}'
    assert not list(workspace.home.rglob("hosts/*"))
