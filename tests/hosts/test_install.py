"""Installing into hosts' files: only our entry is touched, and nothing by halves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from server.cli.hosts.catalogue import HOSTS
from server.cli.hosts.document import as_table
from tests.hosts.installing import (
    CURSOR,
    EVERY_HOST,
    FILES,
    URL,
    VSCODE,
    Desk,
    data,
    lines_kept,
    servers,
    strict,
)


@EVERY_HOST
def test_a_new_file_has_the_entry_alone(desk: Desk, host: str) -> None:
    output = desk.install(host)
    entry = data(desk.file(host))
    assert Path(str(entry.at(servers(host), "experience", "command"))).is_absolute()
    assert entry.at(servers(host), "experience", "args", -1) == "serve"
    assert HOSTS[host].afterwards in output
    if os.name == "posix":
        assert desk.file(host).stat().st_mode & 0o077 == 0


@EVERY_HOST
def test_everything_that_was_there_stays_letter_by_letter(desk: Desk, host: str) -> None:
    path = desk.has(host, FILES[host])
    before = data(path).value
    desk.install(host)
    assert lines_kept(FILES[host], path.read_text()) or host == "claude-code"  # one line there
    after = data(path)
    mine = as_table(after.at(servers(host)))
    assert mine
    del mine["experience"]
    assert after.value == before


@EVERY_HOST
def test_installing_twice_changes_nothing(desk: Desk, host: str) -> None:
    path = desk.has(host, FILES[host])
    desk.install(host)
    once = path.read_bytes()
    assert "Nothing to change" in desk.run(host)
    assert path.read_bytes() == once


@pytest.mark.parametrize("host", ["cursor", "codex"])
def test_line_ends_and_the_byte_order_mark_stay(desk: Desk, host: str) -> None:
    windows = FILES[host].replace("\n", "\r\n").encode()
    mark = b"" if host == "codex" else b"\xef\xbb\xbf"
    path = desk.has(host, mark + windows)
    desk.install(host)
    content = path.read_bytes()
    assert content.startswith(mark)
    assert content.count(b"\n") == content.count(b"\r\n")
    desk.install(host, "--name", "another")
    desk.undo(host, "--name", "another")
    desk.undo(host)
    assert path.read_bytes() == mark + windows


def test_a_link_stays_a_link(desk: Desk) -> None:
    dotfiles = desk.home / "dotfiles" / "mcp.json"
    dotfiles.parent.mkdir()
    dotfiles.write_text(CURSOR)
    dotfiles.chmod(0o640)
    link = desk.file("cursor")
    link.parent.mkdir()
    link.symlink_to(dotfiles)
    desk.install("cursor")
    assert link.is_symlink()
    assert "experience" in dotfiles.read_text()
    assert dotfiles.stat().st_mode & 0o777 == 0o640
    desk.undo("cursor")
    assert link.is_symlink()
    assert dotfiles.read_text() == CURSOR


def test_a_link_to_itself_and_a_folder_are_refused(desk: Desk) -> None:
    loop = desk.project / "loop.json"
    loop.symlink_to(loop)
    for undo in ((), ("--undo",)):
        assert "is a link to itself" in desk.run(str(loop), "--yes", *undo, fails=1)
    assert loop.is_symlink()
    desk.file("claude-code").mkdir()
    assert "is a folder" in desk.run("claude-code", "--yes", fails=1)


def test_a_read_only_file_is_left_alone(desk: Desk) -> None:
    path = desk.has("cursor", CURSOR)
    path.chmod(0o444)
    assert "is read-only; nothing was changed" in desk.run("cursor", "--yes", fails=1)
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
    desk: Desk, host: str, text: str, where: str
) -> None:
    path = desk.has(host, text)
    output = desk.run(host, "--yes", fails=1)
    assert where in output
    assert str(path) in output
    assert path.read_text() == text


def test_other_things_in_the_place_of_servers_are_refused(desk: Desk) -> None:
    path = desk.has("cursor", '{"mcpServers": []}')
    assert "mcpServers must be an object" in desk.run("cursor", "--yes", fails=1)
    desk.has("cursor", b"\xff\xfe{\x00}\x00")
    assert "is not UTF-8" in desk.run("cursor", "--yes", fails=1)
    assert path.read_bytes() == b"\xff\xfe{\x00}\x00"


def test_the_change_is_shown_and_asked_for(desk: Desk) -> None:
    path = desk.has("cursor", CURSOR)
    output = desk.run("cursor", stdin="n\n", fails=1)
    assert '+\t\t"experience": {' in output
    assert "Nothing was changed." in output
    assert "no answer, so nothing was changed" in desk.run("cursor", fails=1)
    assert path.read_text() == CURSOR
    assert "is installed" in desk.run("cursor", stdin="y\n")


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    assert '+    "experience": {' in desk.run("cursor", "--dry-run")
    assert [p for p in desk.home.rglob("*") if p.is_file()] == []


def test_keys_of_other_servers_are_not_shown(desk: Desk) -> None:
    desk.has(
        "cursor", '{\n  "mcpServers": {\n    "a": {"url": "u", "api_key": "hunter2"}\n  }\n}\n'
    )
    output = desk.run("cursor", "--dry-run")
    assert '"api_key": "***"' in output
    assert "hunter2" not in output


def test_names_of_others_that_stand_there_twice_are_their_own(desk: Desk) -> None:
    path = desk.has("cursor", '{"mcpServers": {"a": {"url": "x", "url": "y"}}}\n')
    desk.install("cursor")
    assert '"a": {"url": "x", "url": "y"}' in path.read_text()


def test_what_is_shown_is_short_and_cannot_steer_a_terminal(desk: Desk) -> None:
    line = f'{{"mcpServers": {{}}, /* \x1b[2J */ "history": "{"x" * 5_000}"}}\n'
    path = desk.has("cursor", line)
    output = desk.install("cursor")
    assert "\x1b" not in output
    assert max(len(shown) for shown in output.splitlines()) < 400
    assert '"experience": ' in path.read_text()
    assert "x" * 5_000 in path.read_text()


def test_project_files_are_of_the_project(desk: Desk) -> None:
    for host in ("claude-code", "cursor", "vscode", "codex"):
        desk.install(host, "--scope", "project")
    found = {str(p.relative_to(desk.project)) for p in desk.project.rglob("*") if p.is_file()}
    assert found == {".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".codex/config.toml"}
    output = desk.run("claude-desktop", "--scope", "project", fails=1)
    assert "has no project files" in output


def test_any_other_host_is_given_by_the_path_of_its_file(desk: Desk) -> None:
    path = desk.project / "my mcp.json"
    desk.install(str(path), "--library", "shop", "--database", str(desk.home / "x.db"))
    assert strict(path).at("mcpServers", "experience", "args", -1) == "shop"
    assert str(desk.home / "x.db") in path.read_text()
    desk.undo(str(path))
    assert not path.exists()
    path.write_text(VSCODE)
    desk.install(str(path))
    assert "experience" in str(data(path).at("servers"))
    assert "unknown host 'emacs'" in desk.run("emacs", fails=2)


def test_bad_input_says_how_to_mend_the_call(desk: Desk) -> None:
    assert "invalid name 'a b'" in desk.run("cursor", "--name", "a b", fails=1)
    assert "invalid URL 'localhost:8000'" in desk.run("cursor", "--url", "localhost:8000", fails=1)
    assert "give its --url" in desk.run("cursor", "--token-env", "X", fails=2)
    secret = "s3cret-token-itself"
    output = desk.run("cursor", "--url", URL, "--token-env", secret, fails=2)
    assert "takes the name of an environment variable" in output
    assert secret not in output
    output = desk.run("cursor", "--url", URL, "--library", "x", fails=2)
    assert "--library is for a server that the host starts" in output
    assert "nothing to undo" in desk.run("cursor", "--undo", fails=1)


def test_what_would_not_work_or_not_be_safe_is_said(desk: Desk) -> None:
    output = desk.run("cursor", "--dry-run", "--url", "http://192.0.2.1/mcp", "--token-env", "T")
    assert "is not encrypted" in output
    output = desk.run("cursor", "--dry-run", "--scope", "project")
    assert "other machines need their own" in output


def test_a_file_that_changes_while_the_user_thinks_is_not_overwritten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.has("cursor", CURSOR)

    def answer(*_args: object, **_more: object) -> bool:
        path.write_text("{}")
        return True

    monkeypatch.setattr("click.confirm", answer)
    assert "was changed meanwhile" in desk.run("cursor", fails=1)
    assert path.read_text() == "{}"
    assert [p.name for p in path.parent.iterdir()] == ["mcp.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_copies_of_files_are_for_their_owner_only(desk: Desk) -> None:
    desk.has("cursor", CURSOR).chmod(0o644)
    desk.install("cursor")
    kept = [p for p in desk.home.rglob("hosts/*") if p.is_file()]
    assert len(kept) == 2
    assert all(p.stat().st_mode & 0o077 == 0 for p in kept)
    assert any(p.read_text() == CURSOR for p in kept)
