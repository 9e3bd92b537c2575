"""Where clients learn which authorization server is asked: RFC 9728.

The document is open to anybody, web pages of any origin included: it is how one begins to sign in.
"""

from __future__ import annotations

from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server import APP
from server.http.challenge import USUAL, Challenge
from server.settings import OAuthSettings

# By default a URL without a path gets one, and an issuer is compared as a string.
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))


def resource_metadata_routes(settings: OAuthSettings) -> list[Route]:
    """The document, where RFC 9728 wants it: before the path of the resource."""
    return create_protected_resource_routes(
        _resource(settings),
        [_URL.validate_python(settings.issuer)],
        scopes_supported=oauth_challenge(settings).scopes(USUAL),
        resource_name=APP,
    )


class PublicMetadata:
    """Answers for the document; stands before what asks where a request comes from, and of whom."""

    def __init__(self, app: ASGIApp, settings: OAuthSettings) -> None:
        self._app = app
        routes = resource_metadata_routes(settings)
        self._paths = frozenset(route.path for route in routes)
        self._document = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what asks for something else."""
        asked = scope["type"] == "http" and scope["path"] in self._paths
        await (self._document if asked else self._app)(scope, receive, send)


def oauth_challenge(settings: OAuthSettings) -> Challenge:
    """How a server that takes tokens of an authorization server challenges."""
    url = build_resource_metadata_url(_resource(settings))
    return Challenge(str(url), settings.scope_prefix)


def _resource(settings: OAuthSettings) -> AnyHttpUrl:
    return _URL.validate_python(settings.resource.rstrip("/"))
