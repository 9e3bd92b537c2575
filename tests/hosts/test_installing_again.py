"""Installing over what was installed: nothing of the user's is lost, and no token goes astray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.cli.hosts.config_file import ConfigFile, write_file
from server.cli.hosts.document import as_table
from tests.hosts.installing import CODEX, URL, Desk, data, strict

OWN = '{\n  "mcpServers": {\n    "experience": {"command": "mine", "args": ["precious"]}\n  }\n}\n'
OTHER = "https://other.example/mcp"


def copies(desk: Desk) -> list[str]:
    return sorted(p.read_text() for p in desk.home.rglob("hosts/*.before*"))


def with_key(path: Path) -> None:
    """Add an `env` to the entry, as the documentation says."""
    found = json.loads(path.read_text())
    found["mcpServers"]["experience"]["env"] = {"OPENAI_API_KEY": "k"}
    path.write_text(json.dumps(found, indent=2))


def test_undoing_gives_back_what_was_there_before_the_first_install(desk: Desk) -> None:
    path = desk.has("cursor", OWN)
    desk.install("cursor")
    with_key(path)
    changed = path.read_text()
    desk.install("cursor", "--library", "x")
    assert copies(desk) == sorted([OWN, changed])
    assert "was changed since it was installed" not in desk.undo("cursor")
    assert strict(path).value == json.loads(OWN)
    assert '{"command": "mine", "args": ["precious"]}' in path.read_text()


def test_no_copy_is_overwritten_when_the_entry_was_removed_by_hand(desk: Desk) -> None:
    path = desk.has("cursor", OWN)
    desk.install("cursor")
    path.write_text("{}\n")
    desk.install("cursor")
    assert copies(desk) == sorted([OWN, "{}\n"])
    desk.undo("cursor")
    assert path.read_text() == "{}\n"
    assert copies(desk) == [OWN]


def test_a_refused_second_install_loses_nothing(desk: Desk) -> None:
    path = desk.has("cursor", OWN)
    desk.install("cursor")
    with_key(path)
    path.chmod(0o444)
    assert "is read-only" in desk.run("cursor", "--yes", "--library", "x", fails=1)
    path.chmod(0o644)
    assert copies(desk) == [OWN]
    desk.undo("cursor")
    assert strict(path).value == json.loads(OWN)


def test_a_refused_install_leaves_nothing_to_undo(desk: Desk) -> None:
    path = desk.has("cursor", "{}")
    path.chmod(0o444)
    desk.run("cursor", "--yes", fails=1)
    path.chmod(0o644)
    path.write_text(OWN)
    assert "nothing to undo" in desk.run("cursor", "--yes", "--undo", fails=1)
    assert path.read_text() == OWN
    assert not list(desk.home.rglob("hosts/*"))


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("before", [OWN, None])
def test_after_a_kill_the_file_tells_whether_there_is_something_to_undo(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, before: str | None, written: bool
) -> None:
    path = desk.file("cursor") if before is None else desk.has("cursor", before)

    def killed(file: ConfigFile, content: bytes | None) -> None:
        if file.path != path or written:
            write_file(file, content)
        if file.path == path:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("server.cli.hosts.changes.write_file", killed)
        desk.run("cursor", "--yes", fails=130)
    assert (path.exists() and "serve" in path.read_text()) == written
    if before is None or written:
        desk.undo("cursor")
    else:
        assert "nothing to undo" in desk.run("cursor", "--yes", "--undo", fails=1)
    assert (path.read_text() if path.exists() else None) == before


@pytest.mark.parametrize("again", [("--url", OTHER), ()])
def test_the_token_of_one_server_does_not_go_to_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, again: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TK", "s3cret-value")
    path = desk.file("claude-desktop")
    desk.install("claude-desktop", "--url", URL, "--token-env", "TK")
    path.write_text(path.read_text().replace('"s3cret-value"', '"s3cret-value", "MINE": "1"'))
    desk.install("claude-desktop", *again)
    assert data(path).at("mcpServers", "experience", "env") == {"MINE": "1"}
    assert "s3cret-value" not in path.read_text()
    desk.undo("claude-desktop")
    assert not [p for p in desk.home.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]


def test_no_copy_keeps_a_token_after_it_is_taken_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TK", "s3cret-value")
    path = desk.has("claude-desktop", '{\n  "theme": 1\n}\n')
    desk.install("claude-desktop", "--url", URL, "--token-env", "TK")
    desk.install("claude-desktop", "--name", "second")
    kept = [p for p in desk.home.rglob("hosts/*") if b"s3cret" in p.read_bytes()]
    assert len(kept) == 3
    assert os.name != "posix" or all(p.stat().st_mode & 0o077 == 0 for p in kept)
    desk.undo("claude-desktop")
    assert not [p for p in desk.home.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]
    desk.undo("claude-desktop", "--name", "second")
    assert path.read_text() == '{\n  "theme": 1\n}\n'


def test_undo_does_not_need_the_copy(desk: Desk) -> None:
    path = desk.has("cursor", OWN)
    desk.install("cursor")
    for copy in desk.home.rglob("hosts/*.before*"):
        copy.unlink()
    desk.undo("cursor")
    assert path.read_text() == OWN


def test_what_another_entry_asks_for_too_stays_until_the_last(desk: Desk) -> None:
    path = desk.has("vscode", "{}\n")
    asked = ("--url", URL, "--token-env", "EXPERIENCE_TOKEN")
    desk.install("vscode", *asked)
    desk.install("vscode", "--name", "second", *asked)
    desk.undo("vscode")
    assert data(path).all("inputs", of="id") == ["experience-token"]
    desk.undo("vscode", "--name", "second")
    assert data(path).value == {}


def test_codex_gets_no_keys_of_the_other_kind_of_server(desk: Desk) -> None:
    served = (
        f'[mcp_servers.experience]\nurl = "{URL}"\nhttp_headers = {{ "X-A" = "b" }}\n'
        'startup_timeout_sec = 20\n\n[mcp_servers.experience.env_http_headers]\nAuth = "T"\n'
    )
    path = desk.has("codex", CODEX + served)
    desk.install("codex")
    entry = data(path).at("mcp_servers", "experience")
    assert set(as_table(entry) or {}) == {"command", "args", "startup_timeout_sec"}
    path.write_text('[mcp_servers.experience]\ncommand = "x"\nenv_vars = ["OPENAI_API_KEY"]\n')
    desk.install("codex", "--url", URL)
    assert data(path).at("mcp_servers", "experience") == {"url": URL}


def test_many_at_once_all_end_in_the_file(desk: Desk) -> None:
    path = desk.project / "mcp.json"
    path.write_text('{"mcpServers": {"mine": {"command": "x"}}}\n')
    program = [sys.executable, "-P", "-m", "server.cli", "install", str(path), "--yes", "--name"]
    root = str(Path(__file__).parents[2])
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
    assert set(as_table(found) or {}) == {"mine", *(f"s{number}" for number in range(8))}


def test_a_change_directly_before_the_file_is_replaced_is_seen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.has("cursor", "{}")
    synced = os.fsync

    def changing(handle: int) -> None:
        synced(handle)
        if path.read_text() == "{}" and list(path.parent.glob(".mcp.json.*")):
            path.write_text('{"a": 1}')

    monkeypatch.setattr(os, "fsync", changing)
    assert "was changed meanwhile" in desk.run("cursor", "--yes", fails=1)
    assert path.read_text() == '{"a": 1}'
    assert not list(desk.home.rglob("hosts/*"))
