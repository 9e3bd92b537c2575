"""Entries for a server over HTTP, and where its token is."""

from __future__ import annotations

import pytest

from tests.hosts.installing import (
    EVERY_HOST,
    URL,
    VSCODE,
    Desk,
    data,
    servers,
)


@EVERY_HOST
def test_a_server_over_http_is_written_with_a_reference_to_its_token(
    desk: Desk, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_TOKEN", "s3cret-value")
    output = desk.install(host, "--url", URL, "--token-env", "DESK_TOKEN")
    entry = data(desk.file(host)).at(servers(host), "experience")
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
    assert ("s3cret-value" in desk.file(host).read_text()) == (host == "claude-desktop")
    assert ("the host has no other way" in output) == (host == "claude-desktop")
    assert "s3cret-value" not in desk.undo(host)
    assert not desk.file(host).exists()


def test_claude_desktop_cannot_be_given_a_token_that_is_not_there(desk: Desk) -> None:
    output = desk.run("claude-desktop", "--url", URL, "--token-env", "NOT_SET", fails=1)
    assert "set NOT_SET and run this again" in output


def test_going_from_a_program_to_http_leaves_nothing_of_the_program(desk: Desk) -> None:
    desk.install("claude-code")
    desk.install("claude-code", "--url", URL)
    entry = data(desk.file("claude-code")).at("mcpServers", "experience")
    assert entry == {"type": "http", "url": URL}
    desk.install("claude-code")
    assert "url" not in desk.file("claude-code").read_text()


def test_what_vs_code_asks_for_stands_once_and_goes_with_the_entry(desk: Desk) -> None:
    path = desk.has("vscode", VSCODE)
    for _ in range(2):
        desk.install("vscode", "--url", URL, "--token-env", "TOKEN")
    assert data(path).all("inputs", of="id") == ["jira-key", "token"]
    path.write_text(path.read_text().replace("mcp-jira", "mcp-jira-2"))
    desk.undo("vscode")
    assert path.read_text() == VSCODE.replace("mcp-jira", "mcp-jira-2")
