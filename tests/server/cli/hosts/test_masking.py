"""Output masks secrets, and nothing else."""

from __future__ import annotations

import pytest

from server.cli.hosts.masking import masked
from tests.server.cli.hosts.workspace import Workspace


@pytest.mark.parametrize(
    "text",
    [
        '"api_key": "LEAK"',
        "'api-key' = 'LEAK'",
        'API_KEY = "it\'s LEAK"',
        '"TOKEN": "a \\" LEAK"',
        '"args": ["--api-key", "LEAK", "x"]',
        '"args": [\n  "--token",\n  "LEAK"\n]',
        '"args": ["--api-key=LEAK"]',
        '"args": ["--header", "Authorization: Bearer LEAK"]',
        '"args": ["--header", "Authorization:LEAK"]',
        '"args": ["-H", "X-Api-Key: LEAK"]',
        '"Cookie": "LEAK"',
        'token = """LEAK\nLEAK"""',
        "secret = '''\nLEAK'''",
        '"GH_PAT": "LEAK", "PASSWD": "LEAK"',
        '"DB_URL": "postgres://u:LEAK@h/d"',
        '"url": "https://h/mcp?token=LEAK&x=1"',
        '"args": ["sk-LEAK"], "env": {"GITHUB": "ghp_LEAK"}',
        'http_headers = { "Authorization" = "LEAK" }',
    ],
)
def test_secrets_are_not_shown(text: str) -> None:
    assert "LEAK" not in masked(text)
    assert "***" in masked(text)
    assert masked(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        '"headers": {"Authorization": "Bearer ${env:EXPERIENCE_TOKEN}"}',
        '"headers": {"Authorization": "Bearer ${input:experience-token}"}',
        'bearer_token_env_var = "EXPERIENCE_TOKEN"',
        '"command": "uvx", "args": ["experience-mcp", "serve", "--library", "x"]',
        '"url": "http://127.0.0.1:8000/mcp"',
        '"id": "experience-token",\n"description": "Token of the experience server"',
        '"password": true',
    ],
)
def test_everything_else_is_shown(text: str) -> None:
    assert masked(text) == text


def test_a_changed_secret_shows_as_a_masked_change(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TK", "one-LEAK")
    served = ("claude-desktop", "--url", "http://127.0.0.1:1/mcp", "--token-env", "TK")
    workspace.install(*served)
    monkeypatch.setenv("TK", "two-LEAK")
    output = workspace.install(*served)
    assert '-        "API_ACCESS_TOKEN": "***"' in output
    assert '+        "API_ACCESS_TOKEN": "***"' in output
    assert "LEAK" not in output
