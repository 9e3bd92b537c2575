"""Entries for a server over HTTP, and how they refer to its token."""

from __future__ import annotations

import pytest

from tests.server.cli.hosts.workspace import (
    EVERY_HOST,
    URL,
    VSCODE,
    Workspace,
    data,
    servers,
)


@EVERY_HOST
def test_a_server_over_http_is_written_with_a_reference_to_its_token(
    workspace: Workspace, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_TOKEN", "s3cret-value")
    output = workspace.install(host, "--url", URL, "--token-env", "DESK_TOKEN")
    entry = data(workspace.file(host)).at(servers(host), "experience")
    assert isinstance(entry, dict)
    expected = {
        "claude-code": {"headers": {"Authorization": "Bearer ${DESK_TOKEN}"}},
        "cursor": {"headers": {"Authorization": "Bearer ${env:DESK_TOKEN}"}},
        "vscode": {"headers": {"Authorization": "Bearer ${input:desk-token}"}},
        "codex": {"bearer_token_env_var": "DESK_TOKEN"},
        "claude-desktop": {"env": {"API_ACCESS_TOKEN": "s3cret-value"}},
    }
    assert entry.items() >= expected[host].items()
    assert "s3cret-value" not in output
    assert ("s3cret-value" in workspace.file(host).read_text()) == (host == "claude-desktop")
    assert ("the host has no other way" in output) == (host == "claude-desktop")
    assert "s3cret-value" not in workspace.undo(host)
    assert not workspace.file(host).exists()


def test_claude_desktop_needs_the_token_in_the_environment(workspace: Workspace) -> None:
    output = workspace.run("claude-desktop", "--url", URL, "--token-env", "NOT_SET", fails=1)
    assert "set NOT_SET and run this again" in output


def test_switching_to_http_removes_the_command(workspace: Workspace) -> None:
    workspace.install("claude-code")
    workspace.install("claude-code", "--url", URL)
    entry = data(workspace.file("claude-code")).at("mcpServers", "experience")
    assert entry == {"type": "http", "url": URL}
    workspace.install("claude-code")
    assert "url" not in workspace.file("claude-code").read_text()


def test_the_input_of_vs_code_is_added_once_and_removed_with_the_entry(
    workspace: Workspace,
) -> None:
    path = workspace.write("vscode", VSCODE)
    for _ in range(2):
        workspace.install("vscode", "--url", URL, "--token-env", "TOKEN")
    assert data(path).all("inputs", of="id") == ["jira-key", "token"]
    path.write_text(path.read_text().replace("mcp-jira", "mcp-jira-2"))
    workspace.undo("vscode")
    assert path.read_text() == VSCODE.replace("mcp-jira", "mcp-jira-2")
