"""Hosts get from a bare URL to a tool's answer, at a real server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal

import pytest
import pytest_asyncio

from server.access import Scope
from tests.processes.calling import call, submit
from tests.server.http.auth.authorization_server import AuthorizationServer, Hosted
from tests.server.http.auth.oauth_client import People, people_sign_in, signed_in
from tests.server.http.auth.oauth_server import protected
from tests.server.http.serving import JSON, Served, submission, tool_call
from tests.server.http.signing_in import ERAS, ask, make_token, use

pytestmark = pytest.mark.asyncio(loop_scope="module")  # they share a listener and a server

APP = "https://app.example"
OWN = "own"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    hosted: Hosted, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[tuple[Served, str]]:
    """A server, and one of its own tokens."""
    database = tmp_path_factory.mktemp("oauth") / "experience.db"
    own = await make_token(database, OWN)
    async with protected(database, hosted.url, "--allowed-origin", APP) as server:
        yield server, own


@pytest.fixture
def server(shared: tuple[Served, str], issuer: AuthorizationServer) -> Served:
    assert issuer.url  # is there before the server asks it
    return shared[0]


@pytest.fixture
def people(issuer: AuthorizationServer) -> People:
    return people_sign_in(issuer, experience_libraries=["lib"])


def token_for(server: Served, issuer: AuthorizationServer, **claims: Any) -> str:
    claims = {"experience_libraries": ["lib"], **claims}
    return issuer.token(aud=server.url, **claims)


def metadata_of(server: Served) -> str:
    return server.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_that_knows_only_the_url_signs_in(
    people: People, server: Served, mode: Literal["legacy", "auto"]
) -> None:
    async with signed_in(server.url, mode) as client:
        await submit(client, "Cancel the reservation")
        libraries = await call(client, "list_libraries")
    assert [library["name"] for library in libraries.data["libraries"]] == ["lib"]
    assert people.asked_for == [["experience:read", "experience:submit", "experience:learn"]]
    line = await server.logged(lambda x: str(x.get("who")).startswith("anna ("))
    assert line["path"] == "/mcp"


async def test_a_client_requests_more_scopes_when_a_call_needs_them(
    people: People, server: Served
) -> None:
    async with signed_in(server.url) as client:
        await submit(client, "Cancel the reservation")
        described = await call(
            client, "describe_library", library="lib", agent_objective="Book flights"
        )
    assert not described.failed
    assert len(people.asked_for) == 2
    assert set(people.asked_for[1]) == {f"experience:{scope}" for scope in Scope}


@pytest.mark.parametrize("era", ERAS)
async def test_403_names_the_missing_scope(
    shared: tuple[Served, str], issuer: AuthorizationServer, era: str
) -> None:
    server, _ = shared
    read = token_for(server, issuer, scope="experience:read")
    submitter = token_for(server, issuer, scope="experience:submit")
    answers = {
        "submit": await use(server, read, "submit_group", submission(), era),
        "read": await ask(server, submitter, "resources/read", era, uri="experience://lib"),
    }
    for scope, answer in answers.items():
        assert answer.status_code == 403
        said = answer.headers["www-authenticate"]
        assert said.startswith('Bearer error="insufficient_scope", ')
        assert said.endswith(
            f'scope="experience:{scope}", resource_metadata="{metadata_of(server)}"'
        )


async def test_both_kinds_of_tokens_work_at_once(
    shared: tuple[Served, str], issuer: AuthorizationServer
) -> None:
    server, own = shared
    theirs = token_for(server, issuer)
    for era in ERAS:
        statuses = [
            (await ask(server, t, "tools/list", era)).status_code for t in (own, theirs, "x.y.z")
        ]
        assert statuses == [200, 200, 401]
    for who in (OWN, "anna (desk)"):
        await server.logged(lambda x, who=who: x.get("who") == who)
    assert not any(own in repr(x) or theirs in repr(x) for x in server.lines)


async def test_a_library_that_a_token_cannot_access_does_not_exist_for_it(
    shared: tuple[Served, str], issuer: AuthorizationServer
) -> None:
    server, _ = shared
    scope = "experience:read experience:submit"
    stored = {}
    for libraries in (["lib"], ["other"], None):
        token = token_for(server, issuer, scope=scope, experience_libraries=libraries)
        answer = await use(server, token, "submit_group", submission(), ERAS[0])
        stored[str(libraries)] = '"signal":true' in answer.text
    assert stored == {"['lib']": True, "['other']": False, "None": False}


async def test_a_request_without_a_token_is_challenged_without_an_error(
    server: Served,
) -> None:
    async with server.http() as http:
        without = await http.post("/mcp")
        wrong = await http.post("/mcp", headers={"authorization": "Bearer a.b.c"})
    assert (without.status_code, wrong.status_code) == (401, 401)
    assert "authentication required" in without.text
    assert "the token is unknown, expired, revoked or not for this server" in wrong.text
    asked = 'scope="experience:read experience:submit experience:learn"'
    tail = f'{asked}, resource_metadata="{metadata_of(server)}"'
    assert without.headers["www-authenticate"] == f"Bearer {tail}"
    assert wrong.headers["www-authenticate"].startswith('Bearer error="invalid_token", error_descr')
    assert wrong.headers["www-authenticate"].endswith(tail)


async def test_the_metadata_is_public_and_readable_by_any_web_page(
    server: Served, issuer: AuthorizationServer
) -> None:
    wish = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "mcp-protocol-version",
    }
    for origin in ("https://inspector.example", APP):
        async with server.http(origin=origin) as http:
            answer = await http.get(metadata_of(server))
            preflight = await http.options(metadata_of(server), headers=wish)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert preflight.status_code == 200
        assert answer.json() == {
            "resource": server.url,
            "authorization_servers": [issuer.issuer],
            "scopes_supported": ["experience:read", "experience:submit", "experience:learn"],
            "bearer_methods_supported": ["header"],
            "resource_name": "experience-mcp",
        }


async def test_pages_of_other_origins_can_read_only_the_metadata(
    shared: tuple[Served, str],
) -> None:
    server, own = shared
    stranger = {**JSON, "origin": "https://inspector.example", "authorization": f"Bearer {own}"}
    async with server.http(**stranger) as http:
        statuses = [
            (await http.get("/health")).status_code,
            (await http.get(f"{metadata_of(server)}/more")).status_code,
            (await http.post(metadata_of(server))).status_code,
            (await http.post("/mcp", content=tool_call("list_libraries", {}))).status_code,
        ]
    assert statuses == [403, 403, 405, 403]
