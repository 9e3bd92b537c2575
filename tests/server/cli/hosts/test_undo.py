"""`--undo` takes back what was installed, and keeps what others have changed since."""

from __future__ import annotations

import json

from tests.server.cli.hosts.workspace import (
    CODEX,
    EVERY_HOST,
    FILES,
    Workspace,
    data,
    lines_kept,
    servers,
)


@EVERY_HOST
def test_undo_restores_the_exact_bytes(workspace: Workspace, host: str) -> None:
    path = workspace.write(host, FILES[host])
    workspace.install(host)
    workspace.undo(host)
    assert path.read_text() == FILES[host]


@EVERY_HOST
def test_undo_deletes_a_file_that_install_created(workspace: Workspace, host: str) -> None:
    workspace.install(host)
    workspace.undo(host)
    assert not workspace.file(host).exists()


@EVERY_HOST
def test_undo_keeps_later_changes(workspace: Workspace, host: str) -> None:
    path = workspace.write(host, FILES[host])
    workspace.install(host)
    workspace.install(host, "--name", "other")
    workspace.undo(host)
    found = data(path).at(servers(host))
    assert isinstance(found, dict)
    assert "experience" not in found
    assert "other" in found
    assert lines_kept(FILES[host], path.read_text()) or host == "claude-code"
    workspace.undo(host, "--name", "other")
    assert path.read_text() == FILES[host]


@EVERY_HOST
def test_undo_restores_an_entry_of_the_same_name(workspace: Workspace, host: str) -> None:
    own: dict[str, object] = {"command": "mine", "args": ["x"], "env": {"KEY": "k"}}
    old = json.dumps({servers(host): {"experience": own}})
    if host == "codex":
        old = '[mcp_servers.experience]\ncommand = "mine"  # my own\nargs = ["x"]\n'
        old += '\n[mcp_servers.experience.env]\nKEY = "k"\n'
    path = workspace.write(host, old)
    workspace.install(host)
    assert data(path).at(servers(host), "experience", "env") == {"KEY": "k"}
    assert data(path).at(servers(host), "experience", "args", -1) == "serve"
    workspace.install(
        host, "--library", "other"
    )  # the entry is ours now; what was before is not it
    workspace.install(host, "--name", "second")
    workspace.undo(host)
    assert data(path).at(servers(host), "experience") == own
    assert "mine" in path.read_text()


def test_undo_restores_the_comments_of_a_replaced_table(workspace: Workspace) -> None:
    old = (
        '[mcp_servers.experience]\n# my own way\ncommand = "mine"\n\n# later\n[profiles.x]\na = 1\n'
    )
    path = workspace.write("codex", old)
    workspace.install("codex")
    path.write_text(path.read_text() + "\n[profiles.y]\nb = 2\n")
    workspace.undo("codex")
    assert '[mcp_servers.experience]\n# my own way\ncommand = "mine"\n' in path.read_text()
    assert "# later" in path.read_text()
    assert data(path).at("profiles") == {"x": {"a": 1}, "y": {"b": 2}}


def test_undo_of_a_deleted_file_succeeds_once(workspace: Workspace) -> None:
    workspace.install("cursor")
    workspace.file("cursor").unlink()
    assert "Removed" in workspace.run("cursor", "--undo")
    assert "nothing to undo" in workspace.run("cursor", "--undo", fails=1)


def test_undo_warns_if_the_entry_was_changed(workspace: Workspace) -> None:
    path = workspace.write("codex", CODEX)
    workspace.install("codex")
    path.write_text(path.read_text().replace('"serve"', '"serve", "-l", "x"'))
    assert "was changed since it was installed" in workspace.undo("codex")
    assert path.read_text() == CODEX
