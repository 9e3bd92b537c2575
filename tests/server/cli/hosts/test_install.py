"""`install` touches only its own entry, and writes atomically or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from server.cli.hosts.catalogue import HOSTS
from server.json_values import as_object
from tests.server.cli.hosts.workspace import (
    CURSOR,
    EVERY_HOST,
    FILES,
    URL,
    VSCODE,
    Workspace,
    data,
    lines_kept,
    servers,
    strict,
)


@EVERY_HOST
def test_a_new_file_contains_only_the_entry(workspace: Workspace, host: str) -> None:
    output = workspace.install(host)
    entry = data(workspace.file(host))
    assert Path(str(entry.at(servers(host), "experience", "command"))).is_absolute()
    assert entry.at(servers(host), "experience", "args", -1) == "serve"
    assert HOSTS[host].afterwards in output
    if os.name == "posix":
        assert workspace.file(host).stat().st_mode & 0o077 == 0


@EVERY_HOST
def test_everything_else_stays_character_by_character(workspace: Workspace, host: str) -> None:
    path = workspace.write(host, FILES[host])
    before = data(path).value
    workspace.install(host)
    assert lines_kept(FILES[host], path.read_text()) or host == "claude-code"  # one line there
    after = data(path)
    mine = as_object(after.at(servers(host)))
    assert mine
    del mine["experience"]
    assert after.value == before


@EVERY_HOST
def test_installing_twice_changes_nothing(workspace: Workspace, host: str) -> None:
    path = workspace.write(host, FILES[host])
    workspace.install(host)
    once = path.read_bytes()
    assert "Nothing to change" in workspace.run(host)
    assert path.read_bytes() == once


@pytest.mark.parametrize("host", ["cursor", "codex"])
def test_line_endings_and_the_byte_order_mark_are_kept(workspace: Workspace, host: str) -> None:
    windows = FILES[host].replace("\n", "\r\n").encode()
    mark = b"" if host == "codex" else b"\xef\xbb\xbf"
    path = workspace.write(host, mark + windows)
    workspace.install(host)
    content = path.read_bytes()
    assert content.startswith(mark)
    assert content.count(b"\n") == content.count(b"\r\n")
    workspace.install(host, "--name", "another")
    workspace.undo(host, "--name", "another")
    workspace.undo(host)
    assert path.read_bytes() == mark + windows


def test_a_link_stays_a_link(workspace: Workspace) -> None:
    dotfiles = workspace.home / "dotfiles" / "mcp.json"
    dotfiles.parent.mkdir()
    dotfiles.write_text(CURSOR)
    dotfiles.chmod(0o640)
    link = workspace.file("cursor")
    link.parent.mkdir()
    link.symlink_to(dotfiles)
    workspace.install("cursor")
    assert link.is_symlink()
    assert "experience" in dotfiles.read_text()
    assert dotfiles.stat().st_mode & 0o777 == 0o640
    workspace.undo("cursor")
    assert link.is_symlink()
    assert dotfiles.read_text() == CURSOR


def test_a_link_to_itself_and_a_folder_are_refused(workspace: Workspace) -> None:
    loop = workspace.project / "loop.json"
    loop.symlink_to(loop)
    for undo in ((), ("--undo",)):
        assert "is a link to itself" in workspace.run(str(loop), "--yes", *undo, fails=1)
    assert loop.is_symlink()
    workspace.file("claude-code").mkdir()
    assert "is a folder" in workspace.run("claude-code", "--yes", fails=1)


def test_a_read_only_file_is_left_alone(workspace: Workspace) -> None:
    path = workspace.write("cursor", CURSOR)
    path.chmod(0o444)
    assert "is read-only; nothing was changed" in workspace.run("cursor", "--yes", fails=1)
    assert path.read_text() == CURSOR


@pytest.mark.parametrize(
    ("host", "text", "where"),
    [
        (
            "cursor",
            '{\n  "mcpServers": {\n    "a": {"command": "x"}\n    "b": {}\n',
            "line 4, column 5",
        ),
        ("cursor", '{"mcpServers": {"a": tru}}', "line 1, column 22"),
        ("vscode", "{ 'servers': {} }", "line 1, column 3"),
        ("claude-code", '{"a": 1} x', "line 1, column 10"),
        ("cursor", '{"mcpServers": {}, "mcpServers": {}}', "line 1, column 20"),
        (
            "cursor",
            '{"mcpServers": {"experience": {\n"url": "a", "url": "b"}}}',
            "line 2, column 13: duplicate name 'url'",
        ),
        (
            "cursor",
            '{"mcpServers": {"experience": {"env": {"A": "b", "A": "c"}}}}',
            "line 1, column 50",
        ),
        ("codex", 'model = "x"\n[mcp_servers.a\n', "line 2, column 15"),
        ("codex", "model = \n", "line 1, column 9"),
    ],
)
def test_a_malformed_file_is_refused_with_the_position(
    workspace: Workspace, host: str, text: str, where: str
) -> None:
    path = workspace.write(host, text)
    output = workspace.run(host, "--yes", fails=1)
    assert where in output
    assert str(path) in output
    assert path.read_text() == text


def test_a_servers_value_that_is_not_an_object_is_refused(workspace: Workspace) -> None:
    path = workspace.write("cursor", '{"mcpServers": []}')
    assert "mcpServers must be an object" in workspace.run("cursor", "--yes", fails=1)
    workspace.write("cursor", b"\xff\xfe{\x00}\x00")
    assert "is not UTF-8" in workspace.run("cursor", "--yes", fails=1)
    assert path.read_bytes() == b"\xff\xfe{\x00}\x00"


def test_the_change_is_shown_and_confirmed(workspace: Workspace) -> None:
    path = workspace.write("cursor", CURSOR)
    output = workspace.run("cursor", stdin="n\n", fails=1)
    assert '+\t\t"experience": {' in output
    assert "Nothing was changed." in output
    assert "no answer, so nothing was changed" in workspace.run("cursor", fails=1)
    assert path.read_text() == CURSOR
    assert "Added" in workspace.run("cursor", stdin="y\n")


def test_a_dry_run_writes_nothing(workspace: Workspace) -> None:
    assert '+    "experience": {' in workspace.run("cursor", "--dry-run")
    assert [p for p in workspace.home.rglob("*") if p.is_file()] == []


def test_keys_of_other_servers_are_not_shown(workspace: Workspace) -> None:
    workspace.write(
        "cursor", '{\n  "mcpServers": {\n    "a": {"url": "u", "api_key": "hunter2"}\n  }\n}\n'
    )
    output = workspace.run("cursor", "--dry-run")
    assert '"api_key": "***"' in output
    assert "hunter2" not in output


def test_duplicate_names_in_other_entries_are_left_alone(workspace: Workspace) -> None:
    path = workspace.write("cursor", '{"mcpServers": {"a": {"url": "x", "url": "y"}}}\n')
    workspace.install("cursor")
    assert '"a": {"url": "x", "url": "y"}' in path.read_text()


def test_output_is_short_and_without_control_characters(workspace: Workspace) -> None:
    line = f'{{"mcpServers": {{}}, /* \x1b[2J */ "history": "{"x" * 5_000}"}}\n'
    path = workspace.write("cursor", line)
    output = workspace.install("cursor")
    assert "\x1b" not in output
    assert max(len(shown) for shown in output.splitlines()) < 400
    assert '"experience": ' in path.read_text()
    assert "x" * 5_000 in path.read_text()


def test_project_scope_writes_into_the_project(workspace: Workspace) -> None:
    for host in ("claude-code", "cursor", "vscode", "codex"):
        workspace.install(host, "--scope", "project")
    found = {
        str(p.relative_to(workspace.project)) for p in workspace.project.rglob("*") if p.is_file()
    }
    assert found == {".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".codex/config.toml"}
    output = workspace.run("claude-desktop", "--scope", "project", fails=1)
    assert "has no project files" in output


def test_any_other_host_can_be_given_by_the_path_of_its_file(workspace: Workspace) -> None:
    path = workspace.project / "my mcp.json"
    workspace.install(str(path), "--library", "shop", "--database", str(workspace.home / "x.db"))
    assert strict(path).at("mcpServers", "experience", "args", -1) == "shop"
    assert str(workspace.home / "x.db") in path.read_text()
    workspace.undo(str(path))
    assert not path.exists()
    path.write_text(VSCODE)
    workspace.install(str(path))
    assert "experience" in str(data(path).at("servers"))
    assert "unknown host 'emacs'" in workspace.run("emacs", fails=2)


def test_bad_input_says_how_to_fix_the_call(workspace: Workspace) -> None:
    assert "invalid name 'a b'" in workspace.run("cursor", "--name", "a b", fails=1)
    assert "invalid URL 'localhost:8000'" in workspace.run(
        "cursor", "--url", "localhost:8000", fails=1
    )
    assert "give its --url" in workspace.run("cursor", "--token-env", "X", fails=2)
    secret = "s3cret-token-itself"
    output = workspace.run("cursor", "--url", URL, "--token-env", secret, fails=2)
    assert "takes the name of an environment variable" in output
    assert secret not in output
    output = workspace.run("cursor", "--url", URL, "--library", "x", fails=2)
    assert "--library is for a server that the host starts" in output
    assert "nothing to undo" in workspace.run("cursor", "--undo", fails=1)


def test_unsafe_or_unportable_entries_come_with_a_note(workspace: Workspace) -> None:
    output = workspace.run(
        "cursor", "--dry-run", "--url", "http://192.0.2.1/mcp", "--token-env", "T"
    )
    assert "is not encrypted" in output
    output = workspace.run("cursor", "--dry-run", "--scope", "project")
    assert "other machines need their own" in output


def test_a_file_that_changes_before_confirmation_is_not_overwritten(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.write("cursor", CURSOR)

    def answer(*_args: object, **_more: object) -> bool:
        path.write_text("{}")
        return True

    monkeypatch.setattr("click.confirm", answer)
    assert "was changed meanwhile" in workspace.run("cursor", fails=1)
    assert path.read_text() == "{}"
    assert [p.name for p in path.parent.iterdir()] == ["mcp.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_only_the_owner_can_read_backups_and_copies(workspace: Workspace) -> None:
    workspace.write("cursor", CURSOR).chmod(0o644)
    workspace.install("cursor")
    kept = [p for p in workspace.home.rglob("hosts/*") if p.is_file()]
    assert len(kept) == 2
    assert all(p.stat().st_mode & 0o077 == 0 for p in kept)
    assert any(p.read_text() == CURSOR for p in kept)
