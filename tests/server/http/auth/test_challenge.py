"""WWW-Authenticate, and the metadata it leads to."""

from __future__ import annotations

from server.access import Scope
from server.http.auth.challenge import Challenge, oauth_challenge, resource_metadata_routes
from server.settings import OAuthSettings


def place_of(resource: str) -> str | None:
    return oauth_challenge(OAuthSettings("https://auth.example", resource)).metadata_url


def test_the_metadata_path_precedes_the_path_of_the_resource() -> None:
    known = "/.well-known/oauth-protected-resource"
    assert place_of("https://a.example") == f"https://a.example{known}"
    assert place_of("https://a.example/") == f"https://a.example{known}"
    assert place_of("https://a.example:8443/x/mcp/") == f"https://a.example:8443{known}/x/mcp"
    (route,) = resource_metadata_routes(
        OAuthSettings("https://auth.example/t/", "https://a.example/x/mcp")
    )
    assert route.path == f"{known}/x/mcp"


def test_without_oauth_the_challenge_names_no_metadata() -> None:
    plain = Challenge()
    assert plain.unauthorized(token_sent=False) == "Bearer"
    assert plain.unauthorized(token_sent=True).startswith('Bearer error="invalid_token", ')
    assert plain.forbidden([Scope.LEARN]).startswith('Bearer error="insufficient_scope", ')


def test_a_challenge_names_all_needed_scopes_at_once() -> None:
    said = Challenge("https://a.example/meta", "x/").forbidden([Scope.LEARN, Scope.READ])
    assert said.endswith('scope="x/read x/learn", resource_metadata="https://a.example/meta"')
