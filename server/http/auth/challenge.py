"""What clients are told about signing in: where to get a token, and with which scopes.

`WWW-Authenticate` beside 401 and 403 (RFC 6750, 3), and with OAuth the document that it leads to:
Protected Resource Metadata (RFC 9728). The document is public, to web pages of any origin too,
because signing in begins with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server import APP, access
from server.access import DEFAULT_SCOPES
from server.settings import OAuthSettings

UNKNOWN_TOKEN = "unknown, expired, revoked or not for this server"  # noqa: S105  # no token

# By default a URL without a path gets one, and an issuer is compared as a string.
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's `WWW-Authenticate`.

    Attributes:
        metadata_url: URL of the Protected Resource Metadata; None without OAuth.
        scope_prefix: Prefix of the server's scopes at the authorization server.
    """

    metadata_url: str | None = None
    scope_prefix: str = ""

    def unauthorized(self, *, token_sent: bool, why: str = UNKNOWN_TOKEN) -> str:
        """The header beside 401.

        Args:
            token_sent: Whether the request had a token, which is then invalid. A request without
                one is no error (RFC 6750, 3.1).
            why: What is wrong with it: ASCII without quotes.
        """
        error = {"error": "invalid_token", "error_description": why}
        return self._value(error if token_sent else {}, DEFAULT_SCOPES)

    def forbidden(self, needed: Iterable[access.Scope]) -> str:
        """The header beside 403.

        Args:
            needed: All scopes that the request needs.
        """
        error = {
            "error": "insufficient_scope",
            "error_description": "the token does not allow this",
        }
        return self._value(error, needed)

    def scope_names(self, scopes: Iterable[access.Scope]) -> list[str]:
        """Names of scopes as tokens of the authorization server have them."""
        wanted = frozenset(scopes)
        return [f"{self.scope_prefix}{scope}" for scope in access.Scope if scope in wanted]

    def _value(self, error: dict[str, str], scopes: Iterable[access.Scope]) -> str:
        fields = dict(error)
        if self.metadata_url is not None:
            fields |= {
                "scope": " ".join(self.scope_names(scopes)),
                "resource_metadata": self.metadata_url,
            }
        pairs = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return f"Bearer {pairs}".rstrip()


def oauth_challenge(settings: OAuthSettings) -> Challenge:
    """The challenge of a server that accepts tokens of an authorization server."""
    url = build_resource_metadata_url(_resource(settings))
    return Challenge(str(url), settings.scope_prefix)


def resource_metadata_routes(settings: OAuthSettings) -> list[Route]:
    """The Protected Resource Metadata, at the well-known path before the resource's own."""
    return create_protected_resource_routes(
        _resource(settings),
        [_URL.validate_python(settings.issuer)],
        scopes_supported=oauth_challenge(settings).scope_names(DEFAULT_SCOPES),
        resource_name=APP,
    )


class PublicMetadata:
    """Serves the metadata, before the checks of where a request comes from and who sends it."""

    def __init__(self, app: ASGIApp, settings: OAuthSettings) -> None:
        self._app = app
        routes = resource_metadata_routes(settings)
        self._paths = frozenset(route.path for route in routes)
        self._metadata = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the metadata, or pass the request on."""
        wanted = scope["type"] == "http" and scope["path"] in self._paths
        await (self._metadata if wanted else self._app)(scope, receive, send)


def _resource(settings: OAuthSettings) -> AnyHttpUrl:
    return _URL.validate_python(settings.resource.rstrip("/"))
