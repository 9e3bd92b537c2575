"""What a verified token says about its caller."""

from __future__ import annotations

from typing import Any, cast

import pytest

from server.access import Scope
from tests.server.http.auth.authorization_server import (
    AuthorizationServer,
    Hosted,
    authenticator,
    known,
    oauth,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # they share a listener


def shown(value: object) -> str:
    """The same in every process, also of a set."""
    return str(sorted(cast("set[str]", value)) if isinstance(value, set) else value)


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "openid experience:read  experience:learn other:submit"}, {"read", "learn"}),
        ({"scope": "read submit experience: experience:Read EXPERIENCE:READ"}, set[str]()),
        ({"scope": ""}, set[str]()),
        ({"scope": None}, set[str]()),
        ({"scope": None, "scp": "experience:submit"}, {"submit"}),
        ({"scope": None, "scp": ["experience:administer", 7, None]}, {"administer"}),
        ({"scope": "experience:read", "scp": ["experience:administer"]}, {"read"}),
        ({"scope": {"experience:read": True}}, set[str]()),
    ],
    ids=shown,
)
async def test_scopes_without_the_prefix_are_ignored(
    issuer: AuthorizationServer, claims: dict[str, Any], scopes: set[str]
) -> None:
    caller = await known(authenticator(oauth(issuer)), issuer.token(**claims))
    assert caller.access.scopes == scopes


async def test_the_scope_prefix_may_be_empty(issuer: AuthorizationServer) -> None:
    token = issuer.token(scope="read api://mine/learn")
    bare = await known(authenticator(oauth(issuer, scope_prefix="")), token)
    other = await known(authenticator(oauth(issuer, scope_prefix="api://mine/")), token)
    assert (bare.access.scopes, other.access.scopes) == ({Scope.READ}, {Scope.LEARN})


@pytest.mark.parametrize(
    ("claim", "libraries"),
    [
        (["one", "two", 7], {"one", "two"}),
        ("one two", {"one", "two"}),
        ("*", None),
        (["one", "*"], None),
        ([], set[str]()),
        (7, set[str]()),
        (True, set[str]()),
        ({"*": 1}, set[str]()),
    ],
    ids=shown,
)
@pytest.mark.parametrize("all_libraries", [False, True])
async def test_the_libraries_claim_lists_the_libraries(
    issuer: AuthorizationServer, claim: object, libraries: set[str] | None, all_libraries: bool
) -> None:
    settings = oauth(issuer, libraries_claim="https://x/libs", all_libraries=all_libraries)
    claims: dict[str, Any] = {"https://x/libs": claim}
    caller = await known(authenticator(settings), issuer.token(**claims))
    assert caller.access.libraries == libraries


async def test_without_the_libraries_claim_there_are_none_unless_all_are_allowed(
    issuer: AuthorizationServer,
) -> None:
    none = await known(authenticator(oauth(issuer)), issuer.token())
    every = await known(authenticator(oauth(issuer, all_libraries=True)), issuer.token())
    assert not none.access.reaches("default")
    assert every.access.reaches("default")


@pytest.mark.parametrize(
    ("claims", "who"),
    [
        ({"sub": "anna", "client_id": "desk"}, "anna (desk)"),
        ({"sub": "anna", "client_id": None}, "anna"),
        ({"sub": None, "client_id": "robot"}, "robot"),
        ({"sub": "robot", "client_id": "robot"}, "robot"),
        ({"client_id": None, "azp": "phone"}, "anna (phone)"),
        ({"client_id": ["desk"], "azp": "phone"}, "anna (phone)"),
        ({"sub": "an\n\x1b[31mna\u202e", "client_id": None}, "an [31mna"),
        ({"sub": "\n", "client_id": None}, "?"),
        ({"sub": "\ud800", "client_id": None}, "?"),
        ({"sub": "a" * 5_000, "client_id": None}, "a" * 99 + "…"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
async def test_a_caller_has_a_readable_name(
    issuer: AuthorizationServer, claims: dict[str, Any], who: str
) -> None:
    caller = await known(authenticator(oauth(issuer)), issuer.token(**claims))
    assert caller.access.who == who


async def test_callers_are_told_apart_by_issuer_user_and_client(
    hosted: Hosted, issuer: AuthorizationServer
) -> None:
    tokens = [
        issuer.token(),
        issuer.token(sub="ben"),
        issuer.token(client_id="phone"),
        issuer.token(sub=None),
        issuer.token(sub="desk", client_id=None),
        issuer.token(sub='anna", "desk', client_id=None),
    ]
    verifier = authenticator(oauth(issuer))
    ids = [(await known(verifier, token)).key for token in tokens]
    other = hosted.put_on("/other")
    ids.append((await known(authenticator(oauth(other)), other.token())).key)
    assert len(set(ids)) == len(ids)
    assert (await known(verifier, issuer.token(scope="other", jti="2"))).key == ids[0]
    assert all(len(id_) < 64 and id_.isascii() and id_.isprintable() for id_ in ids)
