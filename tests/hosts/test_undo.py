"""Undoing takes back what was installed, and nothing that others have changed since."""

from __future__ import annotations

import json

from tests.hosts.installing import (
    CODEX,
    EVERY_HOST,
    FILES,
    Desk,
    data,
    lines_kept,
    servers,
)


@EVERY_HOST
def test_undoing_at_once_gives_the_very_bytes_back(desk: Desk, host: str) -> None:
    path = desk.has(host, FILES[host])
    desk.install(host)
    desk.undo(host)
    assert path.read_text() == FILES[host]


@EVERY_HOST
def test_undoing_what_made_the_file_takes_it_away(desk: Desk, host: str) -> None:
    desk.install(host)
    desk.undo(host)
    assert not desk.file(host).exists()


@EVERY_HOST
def test_undoing_keeps_what_others_changed_meanwhile(desk: Desk, host: str) -> None:
    path = desk.has(host, FILES[host])
    desk.install(host)
    desk.install(host, "--name", "other")
    desk.undo(host)
    found = data(path).at(servers(host))
    assert isinstance(found, dict)
    assert "experience" not in found
    assert "other" in found
    assert lines_kept(FILES[host], path.read_text()) or host == "claude-code"
    desk.undo(host, "--name", "other")
    assert path.read_text() == FILES[host]


@EVERY_HOST
def test_an_entry_of_the_same_name_is_kept_in_mind(desk: Desk, host: str) -> None:
    own: dict[str, object] = {"command": "mine", "args": ["x"], "env": {"KEY": "k"}}
    old = json.dumps({servers(host): {"experience": own}})
    if host == "codex":
        old = '[mcp_servers.experience]\ncommand = "mine"  # my own\nargs = ["x"]\n'
        old += '\n[mcp_servers.experience.env]\nKEY = "k"\n'
    path = desk.has(host, old)
    desk.install(host)
    assert data(path).at(servers(host), "experience", "env") == {"KEY": "k"}
    assert data(path).at(servers(host), "experience", "args", -1) == "serve"
    desk.install(host, "--library", "other")  # the entry is ours now; what was before is not it
    desk.install(host, "--name", "second")
    desk.undo(host)
    assert data(path).at(servers(host), "experience") == own
    assert "mine" in path.read_text()


def test_the_comments_of_a_replaced_table_come_back(desk: Desk) -> None:
    old = (
        '[mcp_servers.experience]\n# my own way\ncommand = "mine"\n\n# later\n[profiles.x]\na = 1\n'
    )
    path = desk.has("codex", old)
    desk.install("codex")
    path.write_text(path.read_text() + "\n[profiles.y]\nb = 2\n")
    desk.undo("codex")
    assert '[mcp_servers.experience]\n# my own way\ncommand = "mine"\n' in path.read_text()
    assert "# later" in path.read_text()
    assert data(path).at("profiles") == {"x": {"a": 1}, "y": {"b": 2}}


def test_what_is_gone_already_can_still_be_taken_back(desk: Desk) -> None:
    desk.install("cursor")
    desk.file("cursor").unlink()
    assert "is uninstalled" in desk.run("cursor", "--undo")
    assert "nothing to undo" in desk.run("cursor", "--undo", fails=1)


def test_undoing_tells_when_others_changed_the_entry(desk: Desk) -> None:
    path = desk.has("codex", CODEX)
    desk.install("codex")
    path.write_text(path.read_text().replace('"serve"', '"serve", "-l", "x"'))
    assert "was changed since it was installed" in desk.undo("codex")
    assert path.read_text() == CODEX
