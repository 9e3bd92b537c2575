"""Sign in as hosts do: the SDK's OAuth client, and an authorization server that it can use.

`people_sign_in` makes an authorization server of the tests into one where clients register and
people consent; `signed_in` connects a client to any served URL that takes its tokens.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    IdentityAssertionParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import ClientRegistrationOptions
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyHttpUrl, AnyUrl
from starlette.applications import Starlette

from server.access import Scope
from tests.server.http.auth.authorization_server import OAUTH, AuthorizationServer

CALLBACK = "http://127.0.0.1:1/callback"  # nobody listens; the redirect is read, not followed
EVERY_SCOPE = [f"experience:{scope}" for scope in Scope]


class People:
    """The side of the authorization server where people say yes, at once and to everything."""

    def __init__(self, issuer: AuthorizationServer, claims: dict[str, Any]) -> None:
        self.asked_for: list[list[str]] = []
        self._issuer = issuer
        self._claims = claims
        self._clients: dict[str, OAuthClientInformationFull] = {}
        self._codes: dict[str, AuthorizationCode] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self._clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        every = client_info.model_copy(update={"scope": " ".join(EVERY_SCOPE)})
        self._clients[client_info.client_id] = every

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        self.asked_for.append(params.scopes or [])
        code = secrets.token_urlsafe(32)
        self._codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or [],
            expires_at=2e10,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject="anna",
        )
        return construct_redirect_uri(
            str(params.redirect_uri), code=code, state=params.state, iss=self._issuer.issuer
        )

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        code = self._codes.pop(authorization_code, None)
        return code if code and code.client_id == client.client_id else None

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        scope = " ".join(authorization_code.scopes)
        token = self._issuer.token(
            aud=authorization_code.resource,
            sub=authorization_code.subject,
            client_id=client.client_id,
            scope=scope,
            **self._claims,
        )
        return OAuthToken(access_token=token, expires_in=600, scope=scope)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        del client, refresh_token

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        raise NotImplementedError

    async def exchange_identity_assertion(
        self, client: OAuthClientInformationFull, params: IdentityAssertionParams
    ) -> OAuthToken:
        raise NotImplementedError

    async def load_access_token(self, token: str) -> AccessToken | None:
        del token

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        raise NotImplementedError


def people_sign_in(issuer: AuthorizationServer, **claims: Any) -> People:
    """Let clients register with an authorization server and people consent there.

    Args:
        issuer: Answers clients from now on.
        claims: More claims of the tokens that it gives.
    """
    people = People(issuer, claims)
    options = ClientRegistrationOptions(enabled=True, valid_scopes=EVERY_SCOPE)
    routes = create_auth_routes(
        people, AnyHttpUrl(issuer.issuer), client_registration_options=options
    )
    issuer.more = Starlette(routes=routes)
    issuer.answers[OAUTH] = lambda: issuer.metadata(
        authorization_endpoint=f"{issuer.url}/authorize",
        token_endpoint=f"{issuer.url}/token",
        registration_endpoint=f"{issuer.url}/register",
        code_challenge_methods_supported=["S256"],
        authorization_response_iss_parameter_supported=True,
    )
    return people


class _Browser:
    """Goes where the client sends its user, and comes back."""

    def __init__(self) -> None:
        self._back = ""

    async def go(self, url: str) -> None:
        async with httpx2.AsyncClient() as http:
            answer = await http.get(url)
        self._back = answer.headers["location"]

    async def come_back(self) -> AuthorizationCodeResult:
        brought = {name: values[0] for name, values in parse_qs(urlsplit(self._back).query).items()}
        return AuthorizationCodeResult.model_validate(brought)


class _Memory:
    """What a client keeps, for as long as it runs."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


@asynccontextmanager
async def signed_in(url: str, mode: Literal["legacy", "auto"] = "auto") -> AsyncGenerator[Client]:
    """A client that knows nothing but the URL, and finds out the rest when it is refused."""
    browser = _Browser()
    metadata = OAuthClientMetadata(client_name="a host", redirect_uris=[AnyUrl(CALLBACK)])
    auth = OAuthClientProvider(url, metadata, _Memory(), browser.go, browser.come_back)
    async with (
        httpx2.AsyncClient(auth=auth) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client
