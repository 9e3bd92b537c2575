"""The HTTP application: the layers around MCP, in their order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from server.http.caller import OwnTokens, Verifier
from server.http.challenge import Challenge
from server.http.exchange import Observer
from server.http.health import health_routes
from server.http.hosts import HostCheck, allowed
from server.http.limits import MEGABYTE, BodyLimit
from server.http.listeners import Listeners
from server.http.metrics import Metrics
from server.http.permission import Permission
from server.http.request_log import REQUEST_ID, RequestLog
from server.http.sign_in import SignIn
from server.mcp.middleware import limit_lengths
from server.mcp.server import ExperienceServer
from server.settings import HttpSettings, SignInSettings

PATH = "/mcp"


def http_app(server: ExperienceServer, settings: HttpSettings, port: int) -> Starlette:
    """MCP over HTTP, and what surrounds it.

    Every request stands for itself: no sessions, so any process may answer it, and both protocol
    eras are served. Answers are plain JSON; only `subscriptions/listen` is a stream. A call goes
    on when its client leaves: what was handed in as a whole is stored as a whole.

    Args:
        server: Is served.
        settings: Who may do what, and how much.
        port: Where it listens.
    """
    metrics = Metrics()
    tools = server.tool_names
    # around what may refuse a message, inside the SDK's own, which makes the span
    server.middleware.insert(
        server.middleware.index(limit_lengths), Observer(tools, metrics.called)
    )
    sign_in, public = _sign_in(server, settings.sign_in)
    security = allowed(settings, port)
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
            Middleware(HostCheck, security),
            *_pages(settings.allowed_origins),
            *sign_in,
            Middleware(Listeners),
            Middleware(BodyLimit, settings.max_body),
        ],
        lifespan=lifespan,
    )


def _pages(origins: Sequence[str]) -> list[Middleware]:
    """What tells browsers that pages of these origins may call; before the sign-in, as they ask."""
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


def _sign_in(
    server: ExperienceServer, settings: SignInSettings | None
) -> tuple[list[Middleware], list[Middleware]]:
    """The layer that asks who is calling, if any does, and what is for those it does not know."""
    if settings is None:
        return [], []
    server.middleware.append(Permission(server.scope_of))
    verifiers: list[Verifier] = [OwnTokens(lambda: server.whole_app.store)]
    challenge = Challenge()
    public: list[Middleware] = []
    if settings.oauth is not None:
        from server.http.oauth import OAuthVerifier  # noqa: PLC0415  # slow to import
        from server.http.oauth.metadata import PublicMetadata, oauth_challenge  # noqa: PLC0415

        verifiers.append(OAuthVerifier(settings.oauth))
        challenge = oauth_challenge(settings.oauth)
        public = [Middleware(PublicMetadata, settings.oauth)]
    return [Middleware(SignIn, verifiers, settings.rate_limit, challenge)], public
