"""Of settings, the name says whether the value is secret."""

from __future__ import annotations

import pytest

from experience_store.safety.secret_fields import is_secret_name, secret_values

SECRET = (
    "api_key apiKey API-KEY x-api-key Ocp-Apim-Subscription-Key Authorization Proxy-Authorization "
    "--token GH_PAT DB_PASSWORD DB_PASS PGPASSWORD passphrase pwd client_secret accessToken "
    "AUTHTOKEN Cookie set-cookie X-Auth AWS_SECRET_ACCESS_KEY creds credentials JWT SENTRY_DSN sig"
)
OTHER = (
    "max_tokens tokens tokenizer TOKENIZERS_PARALLELISM author AUTHORITY keyboard keywords PATH "
    "bearer_token_env_var AUTH_URL TOKEN_URL key_file SSH_AUTH_SOCK AUTH_MODE token_type monkey "
    "AWS_ACCESS_KEY_ID model temperature pattern reasoning_effort api_key_name"
)
VALUES = [
    ({"env": {"APP_SETTING": "9f8e7d6c5b4a3f2e1d", "PORT": "8080"}}, {"9f8e7d6c5b4a3f2e1d"}),
    ({"headers": {"Authorization": "Bearer abc"}}, {"Bearer abc", "abc"}),
    ({"Authorization": "Basic dXNlcjpodW50ZXIyMg=="}, {"hunter22", "dXNlcjpodW50ZXIyMg=="}),
    ({"api_key": "short", "effort": "low", "n": [1], "on": True}, {"short"}),
    ({"DB_PASSWORD": "swordfish", "PWD": "/home/me", "KEY": "${KEY}"}, {"swordfish"}),
    ({"args": ["--token", "abc", "--port", "8080"]}, {"abc"}),
    ({"args": ["--api-key=abc", "--header", "X-Api-Key:def"]}, {"abc", "def"}),
    ({"url": "https://me:hunter22@h/mcp?token=abc&x=1"}, {"hunter22", "abc"}),
    ("postgres://me:swordfish@h/d", {"me:swordfish", "swordfish"}),
    ({"HEADERS": '{"Authorization": "Bearer abc", "V": "1"}'}, {"Bearer abc", "abc"}),
    ({"system": "The key: think first. A token: one of 12 words"}, set[str]()),
]


def test_a_name_says_that_its_value_is_secret() -> None:
    assert [name for name in SECRET.split() if not is_secret_name(name)] == []
    assert [name for name in OTHER.split() if is_secret_name(name)] == []


@pytest.mark.parametrize(("value", "secrets"), VALUES)
def test_the_secrets_of_settings_are_found(value: object, secrets: set[str]) -> None:
    found = set(secret_values(value))
    assert secrets <= found
    assert all(any(secret in more for secret in secrets) for more in found)


@pytest.mark.parametrize("unit", ["key=", '"key":', "a-", "key ", "Bearer ", "://a:b@", "x=${"])
def test_long_hostile_settings_take_no_long(unit: str) -> None:
    assert len(list(secret_values({"key": unit * (10_000 // len(unit))}))) <= 10_000
