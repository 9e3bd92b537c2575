"""The options for OAuth."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from server.cli.serving_options import http_options
from server.http.host_header import transport_security
from server.settings import HttpSettings, OAuthSettings, SignInSettings
from tests.server.cli.program import Program

ISSUER = ("--oauth-issuer", "https://id.example")
RESOURCE = "https://a.example/mcp"


def read(*options: str) -> HttpSettings:
    """What a command gets from options."""
    found: list[HttpSettings] = []

    @click.command()
    @http_options
    def command(http: HttpSettings) -> None:
        found.append(http)

    result = CliRunner().invoke(command, ("--http", "0", *options), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


def test_an_issuer_switches_sign_in_on() -> None:
    sign_in = read(*ISSUER, "--resource-url", RESOURCE).sign_in
    assert sign_in is not None
    assert sign_in.oauth == OAuthSettings("https://id.example", RESOURCE)
    assert read().sign_in is None


def test_every_option_reaches_the_settings() -> None:
    access = read(
        *(*ISSUER, "--resource-url", RESOURCE, "--oauth-jwks-url", "https://id.example/keys"),
        *("--oauth-scope-prefix", "api://", "--oauth-libraries-claim", "https://x/libs"),
        "--oauth-all-libraries",
    )
    assert access.sign_in is not None
    assert access.sign_in.oauth == OAuthSettings(
        "https://id.example",
        RESOURCE,
        jwks_url="https://id.example/keys",
        scope_prefix="api://",
        libraries_claim="https://x/libs",
        all_libraries=True,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ISSUER, "--oauth-issuer needs --resource-url"),
        (("--oauth-issuer", "http://id.example", "--resource-url", RESOURCE), "invalid issuer"),
    ],
)
def test_inconsistent_options_are_refused(
    database: Path, options: tuple[str, ...], said: str
) -> None:
    result = Program(database).run("serve", "--http", "0", *options, fails=2)
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("resource", "hosts"),
    [
        ("https://A.example/mcp", {"a.example", "a.example:443"}),
        ("https://a.example:8443/mcp", {"a.example:8443"}),
        ("http://[::1]/mcp", {"[::1]", "[::1]:80"}),
    ],
)
def test_the_host_of_the_resource_url_is_allowed(resource: str, hosts: set[str]) -> None:
    sign_in = SignInSettings(OAuthSettings("https://id.example", resource))
    with_it = transport_security(
        HttpSettings("127.0.0.1", 8000, sign_in=sign_in), 8000
    ).allowed_hosts
    without = transport_security(HttpSettings("127.0.0.1", 8000), 8000).allowed_hosts
    assert set(with_it) - set(without) == hosts
