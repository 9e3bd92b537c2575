"""Finding, fetching and caching the authorization server's keys."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from experience_store.errors import BadInputError
from server.http.auth.callers import AuthenticationUnavailableError
from server.http.auth.jwks import MAX_BYTES
from server.http.auth.oauth import JwtVerifier
from server.settings import OAuthSettings
from tests.server.http.auth.authorization_server import (
    KEYS,
    OAUTH,
    OPENID,
    RESOURCE,
    AuthorizationServer,
    Clock,
    Hosted,
    authenticator,
    known,
    oauth,
    private_key,
    public_jwk,
    signed,
)

LONG_ENOUGH = 60.0
pytestmark = pytest.mark.asyncio(loop_scope="module")  # they share a listener

Answer: TypeAlias = Callable[[AuthorizationServer], Response]


async def test_keys_are_found_by_metadata_or_at_the_configured_url(
    issuer: AuthorizationServer,
) -> None:
    await known(authenticator(oauth(issuer)), issuer.token())
    assert issuer.asked == [OAUTH, KEYS]
    issuer.asked.clear()
    await known(authenticator(oauth(issuer, jwks_url=issuer.url + KEYS)), issuer.token())
    assert issuer.asked == [KEYS]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", OPENID),
        ("/", OAUTH),
        ("/tenant", f"{OAUTH}/tenant"),
        ("/tenant/", f"{OAUTH}/tenant"),
        ("/tenant", f"{OPENID}/tenant"),
        ("/tenant", f"/tenant{OPENID}"),
    ],
)
async def test_metadata_is_found_wherever_the_standards_put_it(
    hosted: Hosted, path: str, place: str
) -> None:
    issuer = hosted.put_on(path)
    issuer.answers = {KEYS: issuer.answers[KEYS], place: issuer.metadata}
    await known(authenticator(oauth(issuer)), issuer.token())
    assert issuer.asked[-2:] == [place, KEYS]


async def test_metadata_of_another_issuer_is_ignored(issuer: AuthorizationServer) -> None:
    issuer.answers[OAUTH] = lambda: issuer.metadata(issuer=f"{issuer.issuer}/")
    with pytest.raises(AuthenticationUnavailableError, match="is of the issuer"):
        await authenticator(oauth(issuer)).authenticate(issuer.token())
    assert KEYS not in issuer.asked
    issuer.answers[OPENID] = issuer.metadata
    await known(authenticator(oauth(issuer)), issuer.token())


HOSTILE: dict[str, Answer] = {
    "huge": lambda issuer: JSONResponse({"keys": issuer.keys, "more": " " * MAX_BYTES}),
    "hardly ending": lambda _: StreamingResponse(iter([b" " * MAX_BYTES] * 64)),
    "packed": lambda _: Response(b"\x1f\x8b", headers={"content-encoding": "gzip"}),
    "no JSON": lambda _: Response("<html>sign in</html>"),
    "no text": lambda _: Response(b"\xff\xfe\x00"),
    "deep": lambda _: Response("[" * 100_000),
    "a list": lambda _: JSONResponse([{"keys": []}]),
    "nothing": lambda _: Response(""),
    "no keys": lambda _: JSONResponse({"keys": []}),
    "keys that are none": lambda _: JSONResponse({"keys": {"RS256": [7, None]}}),
    "an error": lambda _: Response("{}", status_code=500),
    "a redirect": lambda issuer: RedirectResponse(f"{issuer.url}/elsewhere"),
    "a redirect to another host": lambda _: RedirectResponse("http://169.254.169.254/keys"),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_unreadable_keys_are_an_outage_with_a_reason(
    issuer: AuthorizationServer, what: str, clock: Clock
) -> None:
    issuer.answers["/elsewhere"] = good = issuer.answers[KEYS]
    issuer.answers[KEYS] = lambda: HOSTILE[what](issuer)
    verifier = authenticator(oauth(issuer), clock)
    with pytest.raises(AuthenticationUnavailableError, match=f"{issuer.url}{KEYS} "):
        await verifier.authenticate(issuer.token())
    assert "/elsewhere" not in issuer.asked
    issuer.answers[KEYS] = good
    clock.now += 5
    await known(verifier, issuer.token())


@pytest.mark.parametrize(
    "url",
    [
        *("http://keys.example/keys", "file:///etc/passwd", "//keys.example", "", "https://["),
        *("https://u:p@keys.example/", "https://keys.example/#k", "ftp://127.0.0.1/", 7),
    ],
)
async def test_metadata_cannot_redirect_to_an_insecure_key_url(
    issuer: AuthorizationServer, url: object
) -> None:
    issuer.answers[OAUTH] = lambda: issuer.metadata(jwks_uri=url)
    with pytest.raises(AuthenticationUnavailableError, match=r"not an https URL|has no jwks_uri"):
        await authenticator(oauth(issuer)).authenticate(issuer.token())


async def test_an_unreachable_authorization_server_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    issuer = AuthorizationServer(url)
    with pytest.raises(AuthenticationUnavailableError, match=f"{url}/.well-known/"):
        await authenticator(oauth(issuer)).authenticate(issuer.token())


async def test_a_slow_authorization_server_is_an_outage(
    issuer: AuthorizationServer,
) -> None:
    with pytest.raises(AuthenticationUnavailableError, match="no answer within"):
        await authenticator(oauth(issuer), fetch_timeout=0).authenticate(issuer.token())


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://auth.example"},
        {"issuer": "auth.example"},
        {"issuer": "https://auth.example?tenant=1"},
        {"jwks_url": "http://auth.example/keys"},
        {"resource": "experience.example.com/mcp"},
        {"resource": "http://experience.example.com/mcp"},
        {"resource": "https://experience.example.com/mcp#here"},
        {"resource": 'https://experience.example.com/"mcp'},
        {"scope_prefix": "my scope"},
    ],
    ids=str,
)
async def test_unsafe_settings_are_refused_at_once(changed: dict[str, Any]) -> None:
    settings = OAuthSettings("https://auth.example", RESOURCE)
    JwtVerifier(settings)
    with pytest.raises(BadInputError, match="give"):
        JwtVerifier(replace(settings, **changed))


async def test_keys_are_fetched_for_an_unknown_key_at_most_every_thirty_seconds(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    verifier = authenticator(oauth(issuer, jwks_url=issuer.url + KEYS), clock)
    await known(verifier, issuer.token())
    issuer.keys = [public_jwk(private_key("RS256 new"), kid="RS256 new")]
    token = issuer.token("RS256 new")
    assert await verifier.authenticate(token) is None
    await known(verifier, issuer.token())
    assert len(issuer.asked) == 1
    clock.now += 30
    first, second = await asyncio.gather(verifier.authenticate(token), verifier.authenticate(token))
    assert first == second
    assert first is not None
    assert len(issuer.asked) == 2
    assert await verifier.authenticate(issuer.token()) is None  # the old key is gone
    assert len(issuer.asked) == 2


async def test_keys_without_ids_may_rotate_too(issuer: AuthorizationServer, clock: Clock) -> None:
    issuer.keys = [public_jwk(private_key("RS256"))]
    verifier = authenticator(oauth(issuer), clock)
    await known(verifier, signed(issuer.claims(), private_key("RS256")))
    await known(verifier, issuer.token())
    issuer.keys = [public_jwk(private_key(name)) for name in ("RS256", "RS256 new")]
    clock.now += 30
    await known(verifier, signed(issuer.claims(), private_key("RS256 new")))


async def test_cached_keys_outlive_an_outage(issuer: AuthorizationServer, clock: Clock) -> None:
    verifier = authenticator(oauth(issuer), clock)
    await known(verifier, issuer.token())
    good, issuer.answers = issuer.answers, {}
    clock.now += 100_000
    await known(verifier, issuer.token())
    assert await verifier.authenticate(issuer.token("RS256 new")) is None
    clock.now += 100_000
    await known(verifier, issuer.token())
    issuer.answers = good
    issuer.keys = [public_jwk(private_key("RS256 new"), kid="RS256 new")]
    clock.now += 100_000
    await known(verifier, issuer.token("RS256 new"))


async def test_a_withdrawn_key_is_noticed_after_ten_minutes(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    verifier = authenticator(oauth(issuer), clock)
    await known(verifier, issuer.token())
    issuer.keys = [public_jwk(private_key("RS256 new"), kid="RS256 new")]
    clock.now += 599
    await known(verifier, issuer.token())
    clock.now += 1
    await known(verifier, issuer.token())  # this one makes it look, and does not wait
    async with asyncio.timeout(LONG_ENOUGH):
        while await verifier.authenticate(issuer.token()):  # noqa: ASYNC110  # the look-up has no event
            await asyncio.sleep(0)
    assert issuer.asked.count(KEYS) == 2


async def test_concurrent_requests_share_one_fetch_that_outlives_their_cancellation(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    plain = issuer.answers[KEYS]

    class Slow(Response):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            asked.set()
            await go.wait()
            await plain()(scope, receive, send)

    issuer.answers[KEYS] = Slow
    verifier = authenticator(oauth(issuer), clock)
    leaving = asyncio.create_task(verifier.authenticate(issuer.token()))
    async with asyncio.timeout(LONG_ENOUGH):
        await asked.wait()
    clock.now += 100
    staying = asyncio.create_task(verifier.authenticate(issuer.token()))
    await asyncio.sleep(0)
    leaving.cancel()
    go.set()
    assert await staying is not None
    assert leaving.cancelled()
    assert issuer.asked.count(KEYS) == 1
