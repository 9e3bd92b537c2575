"""The HTTP application: the layers around MCP, in their order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from server.http.auth.callers import (
    Authenticator,
    Authorization,
    StoredTokenAuthenticator,
    caller_key,
)
from server.http.auth.challenge import Challenge, PublicMetadata, oauth_challenge
from server.http.auth.sign_in import SignIn
from server.http.explained_errors import ExplainedErrors
from server.http.host_header import HostHeaderCheck, transport_security
from server.http.monitoring import Metrics, health_routes
from server.http.request_limits import MEGABYTE, BodyLimit, StreamLimit
from server.http.request_log import REQUEST_ID, CallObserver, RequestLog
from server.mcp.middleware import limit_lengths
from server.mcp.server import ExperienceServer
from server.settings import HttpSettings, SignInSettings

PATH = "/mcp"


def http_app(server: ExperienceServer, settings: HttpSettings, port: int) -> Starlette:
    """MCP over HTTP, with everything around it.

    Requests are stateless: there are no sessions, so any process may answer, and both protocol
    eras are served. Responses are plain JSON; only `subscriptions/listen` is a stream. A call
    continues when its client disconnects: a complete submission is stored completely.

    Args:
        server: The MCP server.
        settings: Limits, and who may call.
        port: The port it listens on.
    """
    metrics = Metrics()
    # around what may refuse a message, inside the SDK's own, which makes the span
    observer = CallObserver(server.tool_names, metrics)
    server.middleware.insert(server.middleware.index(limit_lengths), observer)
    public, sign_in = _authentication(server, settings.sign_in)
    security = transport_security(settings, port)
    mcp = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=True,
        max_request_body_size=settings.max_body * MEGABYTE,
        transport_security=security,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with mcp.router.lifespan_context(mcp):
            yield

    return Starlette(
        routes=[
            *health_routes(lambda: server.whole_app.store, metrics),
            # Without sessions there is nothing to listen to by GET and nothing to DELETE.
            Route(PATH, mcp, methods=["POST"]),
        ],
        middleware=[
            Middleware(RequestLog, metrics),
            *public,
            Middleware(HostHeaderCheck, security),
            *_cors(settings.allowed_origins),
            *sign_in,
            Middleware(StreamLimit, caller_key),
            Middleware(BodyLimit, settings.max_body),
            Middleware(ExplainedErrors),
        ],
        lifespan=lifespan,
    )


def _cors(origins: Sequence[str]) -> list[Middleware]:
    """Lets pages of these origins call; before sign-in, as preflight requests have no token."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=[origin.lower() for origin in origins],
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["www-authenticate", "retry-after", REQUEST_ID],
        )
    ]


def _authentication(
    server: ExperienceServer, settings: SignInSettings | None
) -> tuple[list[Middleware], list[Middleware]]:
    """What is public, and the layer that lets authenticated callers through."""
    if settings is None:
        return [], []
    server.middleware.append(Authorization(server.scope_of))
    authenticators: list[Authenticator] = [StoredTokenAuthenticator(lambda: server.whole_app.store)]
    challenge = Challenge()
    public: list[Middleware] = []
    if settings.oauth is not None:
        from server.http.auth.oauth import JwtVerifier, OAuthAuthenticator  # noqa: PLC0415  # slow

        authenticators.append(OAuthAuthenticator(settings.oauth, JwtVerifier(settings.oauth)))
        challenge = oauth_challenge(settings.oauth)
        public = [Middleware(PublicMetadata, settings.oauth)]
    return public, [Middleware(SignIn, authenticators, settings.rate_limit, challenge)]
