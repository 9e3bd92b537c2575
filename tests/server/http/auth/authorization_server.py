"""An authorization server on loopback: its keys, its documents, its tokens."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias, TypeVar

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.auth.callers import Caller
from server.http.auth.jwks import FETCH_SECONDS
from server.http.auth.oauth import JwtVerifier, OAuthAuthenticator
from server.settings import OAuthSettings

KEYS = "/keys"
OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
RESOURCE = "https://experience.example.com/mcp"

App = TypeVar("App", bound=ASGIApp)
Claims: TypeAlias = dict[str, Any]
_CURVES: dict[str, Callable[[], Any]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


@cache
def private_key(name: str) -> Any:
    """A key of its own for each name, which begins with the algorithm."""
    kind = name.partition(" ")[0]
    return _CURVES.get(kind, lambda: rsa.generate_private_key(65537, 2048))()


def public_jwk(key: PrivateKeyTypes, **more: object) -> dict[str, object]:
    public: Any = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        return {**RSAAlgorithm.to_jwk(public, as_dict=True), **more}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {**ECAlgorithm.to_jwk(public, as_dict=True), **more}
    return {**OKPAlgorithm.to_jwk(public, as_dict=True), **more}


def signed(claims: Claims, key: Any, algorithm: str = "RS256", **header: object) -> str:
    payload = json.dumps(claims).encode()  # signed as it is, whatever it says
    return jwt.PyJWS().encode(payload, key, algorithm, {"typ": "at+jwt", **header})


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class AuthorizationServer:
    """What is asked of it stands in `asked`; what it answers can be changed by path."""

    def __init__(self, url: str, path: str = "") -> None:
        self.url = url
        self.issuer = url + path
        self.keys: list[dict[str, object]] = [public_jwk(private_key("RS256"), kid="RS256")]
        self.asked: list[str] = []
        self.answers: dict[str, Callable[[], Response]] = {
            KEYS: lambda: JSONResponse({"keys": self.keys}),
            OAUTH + path: self.metadata,
        }
        self.more: ASGIApp | None = None

    def metadata(self, **changed: object) -> Response:
        return JSONResponse({"issuer": self.issuer, "jwks_uri": self.url + KEYS, **changed})

    def claims(self, **changed: object) -> Claims:
        """Of a good token; None leaves a claim out."""
        now = int(time.time())
        claims: Claims = {
            "iss": self.issuer,
            "aud": RESOURCE,
            "sub": "anna",
            "client_id": "desk",
            "iat": now,
            "exp": now + 600,
            "scope": "experience:read",
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: str = "RS256", **changed: object) -> str:
        return signed(self.claims(**changed), private_key(key), "RS256", kid=key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        self.asked.append(path)
        answer = self.answers.get(path)
        if answer is None and self.more is not None:
            await self.more(scope, receive, send)
            return
        response = answer() if answer else Response("no such thing", status_code=404)
        await response(scope, receive, send)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # those are for the tests


@asynccontextmanager
async def listening(make: Callable[[str], App]) -> AsyncGenerator[tuple[App, str]]:
    """Serve an app, which is made for its own URL, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = make(url)
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="auto")
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield app, url
        finally:
            server.should_exit = True
            await serving


class Hosted:
    """Whichever authorization server is on at the moment."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.on: ASGIApp | None = None

    def put_on(self, path: str = "") -> AuthorizationServer:
        self.on = server = AuthorizationServer(self.url, path)
        return server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.on
        await self.on(scope, receive, send)


def oauth(issuer: AuthorizationServer, **changed: Any) -> OAuthSettings:
    return replace(OAuthSettings(issuer.issuer, RESOURCE), **changed)


def authenticator(
    settings: OAuthSettings,
    clock: Callable[[], float] = time.monotonic,
    fetch_timeout: float = FETCH_SECONDS,
) -> OAuthAuthenticator:
    return OAuthAuthenticator(
        settings, JwtVerifier(settings, clock=clock, fetch_timeout=fetch_timeout)
    )


async def known(authenticator: OAuthAuthenticator, token: str) -> Caller:
    caller = await authenticator.authenticate(token)
    assert caller is not None
    return caller
