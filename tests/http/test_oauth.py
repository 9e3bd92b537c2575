"""Signing in over HTTP with tokens of an authorization server."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import HMACAlgorithm
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from server.http import keys
from server.http.caller import Caller
from server.http.keys import Keys
from server.http.oauth import OAuthTokens
from server.settings import OAuthSettings
from tests.cli.program import Program
from tests.http.authorization import AROUND, Authorization, authorization_server, free_port
from tests.http.serving import Served, served, submission
from tests.http.signing_in import ERAS, ask, make_token, use
from tests.processes.calling import call, submit


@asynccontextmanager
async def protected(database: Path, *options: str) -> AsyncGenerator[tuple[Served, Authorization]]:
    port = free_port()
    async with authorization_server() as issuer:
        issuer.resource = f"http://127.0.0.1:{port}/mcp"
        oauth = ("--oauth-issuer", issuer.issuer, "--resource-url", issuer.resource)
        environment = {"EXPERIENCE_MCP_HTTP": f"127.0.0.1:{port}"}
        async with served(database, *oauth, *options, **environment) as server:
            yield server, issuer


def hs256_with_public_key(issuer: Authorization) -> str:
    """The old trick: a token signed with the public key as if that were a shared secret."""
    public = issuer.keys["one"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    head = _part({"alg": "HS256", "typ": "JWT", "kid": "one"})
    body = _part(claims)
    signer = HMACAlgorithm(HMACAlgorithm.SHA256)
    signature = urlsafe_b64encode(signer.sign(f"{head}.{body}".encode(), pem)).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


def unsigned(issuer: Authorization) -> str:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    return f"{_part({'alg': 'none', 'kid': 'one'})}.{_part(claims)}."


def _part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_only_tokens_that_the_issuer_made_for_this_server_are_let_in(database: Path) -> None:
    async with protected(database) as (server, issuer):
        now = int(time.time())
        other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        claims = jwt.decode(issuer.token(), options={"verify_signature": False})
        bad = {
            "another audience": issuer.token(aud="https://elsewhere.example/mcp"),
            "no audience": issuer.token(aud=None),
            "another issuer": issuer.token(iss="https://elsewhere.example"),
            "expired": issuer.token(exp=now - AROUND),
            "no expiry": issuer.token(exp=None),
            "not yet": issuer.token(nbf=now + AROUND),
            "no subject": issuer.token(sub=None),
            "another key": jwt.encode(claims, other, algorithm="RS256", headers={"kid": "one"}),
            "unknown key": jwt.encode(claims, other, algorithm="RS256", headers={"kid": "two"}),
            "no signature": unsigned(issuer),
            "public key as a secret": hs256_with_public_key(issuer),
            "cut": issuer.token()[:-9],
            "no JWT": "abc.def.ghi",
            "a deep header": f"{urlsafe_b64encode(b'[' * 11_000).decode()}.e30.",
            "a key that is no text": f"{_part({'alg': 'RS256', 'kid': ['one']})}.e30.",
            "none": "",
        }
        answers = {why: await ask(server, token, "tools/list") for why, token in bad.items()}
        good = {
            era: (await ask(server, issuer.token(), "tools/list", era)).status_code for era in ERAS
        }
        slash = await ask(server, issuer.token(aud=[f"{issuer.resource}/"]), "tools/list")
        alone = await ask(server, issuer.token(key_id=None), "tools/list")
    assert {why: a.status_code for why, a in answers.items()} == dict.fromkeys(bad, 401)
    assert len({a.text for a in answers.values()}) == 1
    assert good == dict.fromkeys(ERAS, 200)
    assert (slash.status_code, alone.status_code) == (200, 200)


async def test_an_unknown_caller_learns_where_tokens_are_to_be_had(database: Path) -> None:
    async with protected(database) as (server, issuer), server.http() as http:
        refused = await http.post("/mcp", content=b"{}")
        url = issuer.resource.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
        found = await http.get(url)
    header = refused.headers["www-authenticate"]
    assert f'resource_metadata="{url}"' in header
    assert 'scope="experience:read experience:submit experience:learn"' in header
    described = found.json()
    assert described["resource"] == issuer.resource
    assert described["authorization_servers"] == [issuer.issuer]
    assert described["scopes_supported"][0] == "experience:read"


async def test_libraries_and_scopes_are_those_of_the_token(database: Path) -> None:
    async with protected(database) as (server, issuer):
        reach: dict[str, str] = {}
        claims = {"named": ["lib"], "all": "*", "absent": None, "odd": 7}
        for name, claim in claims.items():
            token = issuer.token(experience_libraries=claim)
            answer = await use(server, token, "submit_group", submission(), ERAS[0])
            reach[name] = "stored" if '"signal":true' in answer.text else "no such library"
        scp = issuer.token(scope="openid read other:submit", scp=["experience:read"])
        tools = (await ask(server, scp, "tools/list")).json()["result"]["tools"]
        line = await server.logged(lambda x: x.get("tool") == "submit_group")
    assert reach == {
        "named": "stored", "all": "stored", "absent": "no such library", "odd": "no such library"
    }  # fmt: skip
    assert [tool["name"] for tool in tools] == ["get_experiences", "list_libraries"]
    assert line["who"] == "user ann"


async def test_tokens_without_libraries_reach_all_where_that_is_set(database: Path) -> None:
    async with protected(database, "--oauth-all-libraries") as (server, issuer):
        token = issuer.token(experience_libraries=None)
        answer = await use(server, token, "submit_group", submission(), ERAS[0])
    assert '"signal":true' in answer.text


@pytest.mark.parametrize("era", ERAS)
async def test_who_can_get_a_better_token_is_told_which_scope_it_needs(
    database: Path, era: str
) -> None:
    async with protected(database) as (server, issuer):
        token = issuer.token(scope="experience:read")
        answer = await use(server, token, "submit_group", submission(), era)
    assert answer.status_code == 403
    header = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in header
    assert 'scope="experience:submit"' in header


async def test_both_kinds_of_tokens_work_at_once(database: Path) -> None:
    own = await make_token(database)
    async with protected(database) as (server, issuer):
        statuses = [
            (await ask(server, token, "tools/list")).status_code for token in (own, issuer.token())
        ]
    assert statuses == [200, 200]


class Memory:
    """Where the SDK's client keeps its token."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_sdks_own_client_finds_its_way_in(database: Path, mode: str) -> None:
    async with protected(database) as (server, issuer):
        provider = ClientCredentialsOAuthProvider(
            server.url, Memory(), "agent", "secret", issuer=issuer.issuer
        )
        async with (
            httpx2.AsyncClient(auth=provider, timeout=60) as http,
            Client(streamable_http_client(server.url, http_client=http), mode=mode) as client,
        ):
            await submit(client, "Cancel the reservation")
            libraries = await call(client, "list_libraries")
    assert libraries.data["libraries"][0]["name"] == "lib"
    assert issuer.asked_for


async def found(tokens: OAuthTokens, token: str) -> Caller | None:
    return await tokens.caller(token)


async def test_a_new_key_is_fetched_and_an_outage_locks_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 1_000.0
    monkeypatch.setattr(keys, "monotonic", lambda: clock)
    async with authorization_server() as issuer:
        issuer.resource = "https://lessons.example/mcp"
        tokens = OAuthTokens(OAuthSettings(issuer.issuer, issuer.resource))
        assert await found(tokens, issuer.token())
        issuer.add_key("two")
        assert not await found(tokens, issuer.token("two")), "asked again too soon"
        assert issuer.fetched == 1
        clock += keys.AGAIN_SECONDS
        assert await found(tokens, issuer.token("two"))
        issuer.works = False
        clock += keys.FRESH_SECONDS
        assert await found(tokens, issuer.token())
        issuer.works = True
        issuer.published.remove("one")
        clock += keys.AGAIN_SECONDS
        assert not await found(tokens, issuer.token()), "the key was withdrawn"
        assert await found(tokens, issuer.token("two"))


async def test_unknown_keys_do_not_make_the_server_ask_again_and_again() -> None:
    async with authorization_server() as issuer:
        asked = Keys(issuer.issuer, f"{issuer.issuer}/jwks")
        for number in range(50):
            assert await asked.find(f"made up {number}") is None
        assert issuer.fetched == 1


async def test_metadata_of_another_issuer_are_not_believed() -> None:
    async with authorization_server() as issuer:
        issuer.names_as_issuer = "https://elsewhere.example"
        assert await Keys(issuer.issuer, None).find("one") is None
        assert issuer.fetched == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--oauth-issuer", "https://id.example"), "--oauth-issuer needs --resource-url"),
        (("--oauth-issuer", "http://id.example", "--resource-url", "https://a.b/mcp"), "https://"),
        (("--tls-cert", __file__), "belong together"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    database: Path, options: tuple[str, ...], said: str
) -> None:
    result = Program(database).run("serve", "--http", "0", *options, fails=2)
    assert said in " ".join(result.stderr.split())
