"""An authorization server on loopback, with real keys: metadata, keys and tokens."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

AROUND = 3_600


class Authorization:
    """Its state, which tests change at will."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.resource = ""
        self.names_as_issuer = self.issuer
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.published: list[str] = []
        self.fetched = 0
        self.works = True
        self.asked_for: list[str] = []
        self.add_key("one")

    def add_key(self, key_id: str) -> None:
        self.keys[key_id] = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.published.append(key_id)

    def token(self, key_id: str | None = "one", **claims: object) -> str:
        """A token that is good unless claims (None leaves one out) make it bad."""
        now = int(time.time())
        usual: dict[str, object] = {
            "iss": self.issuer,
            "aud": self.resource,
            "sub": "ann",
            "exp": now + AROUND,
            "scope": "experience:read experience:submit experience:learn",
            "experience_libraries": ["lib"],
        }
        given = {k: v for k, v in (usual | claims).items() if v is not None}
        headers = {"kid": key_id} if key_id else None
        return jwt.encode(given, self.keys[key_id or "one"], algorithm="RS256", headers=headers)

    def app(self) -> Starlette:
        async def metadata(_request: Request) -> Response:
            return JSONResponse(
                {
                    "issuer": self.names_as_issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/jwks",
                    "response_types_supported": ["code"],
                    "grant_types_supported": ["client_credentials"],
                    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                }
            )

        async def jwks(_request: Request) -> Response:
            self.fetched += 1
            if not self.works:
                return Response(status_code=503)
            return JSONResponse({"keys": [self._jwk(key_id) for key_id in self.published]})

        async def token(request: Request) -> Response:
            form = await request.form()
            scope = str(form.get("scope", ""))
            self.asked_for.append(scope)
            made = self.token(aud=str(form["resource"]), scope=scope)
            return JSONResponse({"access_token": made, "token_type": "Bearer", "scope": scope})

        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", metadata),
                Route("/jwks", jwks),
                Route("/token", token, methods=["POST"]),
            ]
        )

    def _jwk(self, key_id: str) -> dict[str, Any]:
        public = self.keys[key_id].public_key()
        made = cast("dict[str, Any]", json.loads(RSAAlgorithm.to_jwk(public)))
        return {**made, "kid": key_id, "use": "sig", "alg": "RS256"}


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def authorization_server() -> AsyncGenerator[Authorization]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state = Authorization(listener.getsockname()[1])
        config = uvicorn.Config(
            state.app(),  # pyright: ignore[reportArgumentType]  # as in server.http.running
            log_config=None,
            lifespan="off",
            ws="none",
        )
        server = _Quiet(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield state
        server.should_exit = True
        await running


def free_port() -> int:
    """A port that was free a moment ago: a server's own URL must be known before it starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
