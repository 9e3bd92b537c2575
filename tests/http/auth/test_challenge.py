"""What refused clients are told, and where they read on."""

from __future__ import annotations

from server.access import Scope
from server.http.auth.challenge import Challenge, oauth_challenge, resource_metadata_routes
from server.settings import OAuthSettings


def place_of(resource: str) -> str | None:
    return oauth_challenge(OAuthSettings("https://auth.example", resource)).metadata_url


def test_the_metadata_is_before_the_path_of_the_resource() -> None:
    known = "/.well-known/oauth-protected-resource"
    assert place_of("https://a.example") == f"https://a.example{known}"
    assert place_of("https://a.example/") == f"https://a.example{known}"
    assert place_of("https://a.example:8443/x/mcp/") == f"https://a.example:8443{known}/x/mcp"
    (route,) = resource_metadata_routes(
        OAuthSettings("https://auth.example/t/", "https://a.example/x/mcp")
    )
    assert route.path == f"{known}/x/mcp"


def test_a_server_without_oauth_challenges_without_telling_where_to_sign_in() -> None:
    plain = Challenge()
    assert plain.unauthorized(token_sent=False) == "Bearer"
    assert plain.unauthorized(token_sent=True).startswith('Bearer error="invalid_token", ')
    assert plain.forbidden([Scope.LEARN]).startswith('Bearer error="insufficient_scope", ')


def test_a_challenge_names_all_that_is_needed_in_one_go() -> None:
    said = Challenge("https://a.example/meta", "x/").forbidden([Scope.LEARN, Scope.READ])
    assert said.endswith('scope="x/read x/learn", resource_metadata="https://a.example/meta"')
