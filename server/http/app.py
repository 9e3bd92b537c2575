"""The HTTP application: the layers around MCP, in their order."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from server.http.exchange import Observer
from server.http.health import health_routes
from server.http.hosts import HostCheck, own_only
from server.http.limits import MEGABYTE, BodyLimit
from server.http.metrics import Metrics
from server.http.request_log import RequestLog
from server.mcp_server import ExperienceServer

PATH = "/mcp"


def http_app(server: ExperienceServer, names: list[str], max_body: int) -> Starlette:
    """MCP over HTTP, and what surrounds it.

    Every request stands for itself: no sessions, so any process may answer it, and both protocol
    eras are served. Answers are plain JSON; only `subscriptions/listen` is a stream. A call goes
    on when its client leaves: what was handed in as a whole is stored as a whole.

    Args:
        server: Is served.
        names: Authorities that requests may name.
        max_body: Megabytes of a request.
    """
    metrics = Metrics()
    tools = server.tool_names
    server.middleware.append(Observer(tools, metrics.called))
    security = own_only(names)
    mcp = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=True,
        max_request_body_size=max_body * MEGABYTE,
        transport_security=security,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with mcp.router.lifespan_context(mcp):
            yield

    return Starlette(
        routes=[
            *health_routes(lambda: server.app.store, metrics),
            # Without sessions there is nothing to listen to by GET and nothing to DELETE.
            Route(PATH, mcp, methods=["POST"]),
        ],
        middleware=[
            Middleware(RequestLog, metrics),
            Middleware(HostCheck, security),
            # sign-in: here
            Middleware(BodyLimit, max_body),
        ],
        lifespan=lifespan,
    )
