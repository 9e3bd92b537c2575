"""Access tokens of an authorization server: JWTs that it signed for this server.

This server is an OAuth 2.1 resource server as the MCP authorization spec describes it. It trusts
one issuer, by its keys, and takes a token only if its audience is this server's own URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import jwt
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.routing import Route

from server.access import Access, Scope, known_scopes
from server.http.caller import Caller
from server.http.keys import Keys
from server.http.sign_in import Metadata
from server.settings import APP, OAuthSettings

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
LEEWAY_SECONDS = 30
LIBRARIES = "experience_libraries"
ALL = "*"
USUAL = (Scope.READ, Scope.SUBMIT, Scope.LEARN)
_MAX_NAME = 64
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


class OAuthTokens:
    """Implements `Verifier` for one issuer."""

    def __init__(self, settings: OAuthSettings) -> None:
        self._settings = settings
        self._keys = Keys(settings.issuer, settings.jwks_url)
        resource = settings.resource.rstrip("/")
        self._audience = [resource, f"{resource}/"]

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is, if the issuer signed it for this server and it is not over."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._keys.find(header.get("kid"))
            claims = key and self._claims(token, key)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return self._known(claims) if claims else None

    def _claims(self, token: str, key: jwt.PyJWK) -> Mapping[str, object]:
        return jwt.decode(
            token,
            key,
            algorithms=[*ALGORITHMS],
            audience=self._audience,
            issuer=self._settings.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )

    def _known(self, claims: Mapping[str, object]) -> Caller:
        subject = str(claims["sub"])
        who = "".join(c for c in f"user {subject}" if c.isprintable())[:_MAX_NAME]
        scopes = known_scopes(
            name.removeprefix(self._settings.scope_prefix)
            for name in (*_words(claims.get("scope")), *_words(claims.get("scp")))
            if name.startswith(self._settings.scope_prefix)
        )
        access = Access(who, scopes, self._libraries(claims))
        return Caller(f"oauth {subject}", access, can_ask_for_more=True)

    def _libraries(self, claims: Mapping[str, object]) -> frozenset[str] | None:
        if LIBRARIES not in claims:
            return None if self._settings.all_libraries else frozenset()
        names = frozenset(_words(claims[LIBRARIES]))
        return None if ALL in names else names


def metadata_of(settings: OAuthSettings) -> tuple[Metadata, list[Route]]:
    """Where clients learn which authorization server to ask, and the route that tells them."""
    resource = _URL.validate_python(settings.resource)
    url = str(build_resource_metadata_url(resource))
    routes = create_protected_resource_routes(
        resource_url=resource,
        authorization_servers=[_URL.validate_python(settings.issuer)],
        scopes_supported=[f"{settings.scope_prefix}{scope}" for scope in Scope],
        resource_name=APP,
    )
    usual = " ".join(f"{settings.scope_prefix}{scope}" for scope in USUAL)
    return Metadata(urlsplit(url).path, url, usual), routes


def _words(claim: object) -> list[str]:
    """A list of texts, or a text with spaces between its words; nothing of anything else."""
    if isinstance(claim, str):
        return claim.split()
    items = cast("list[object]", claim) if isinstance(claim, list) else []
    return [item for item in items if isinstance(item, str)]
