"""Requests must be meant for this server and come from its own pages, if from a page at all.

A web page anywhere can make a browser send requests to 127.0.0.1, under a name of its own that
leads there. Such a request names that page's host or origin.
"""

from __future__ import annotations

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.refusal import refusal

WRONG_HOST = 421
_TEXTS = {
    WRONG_HOST: "this is not the host that the request names; use one of the server's own names",
    403: "requests from pages of other origins are refused",
}


def own_only(names: list[str]) -> TransportSecuritySettings:
    """What the SDK checks: these authorities, and pages that they serve."""
    return TransportSecuritySettings(
        allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
    )


class HostCheck:
    """Refuses what is not meant for this server, on every path."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            wrong = await self._security.validate_request(Request(scope))
            if wrong is not None:
                answer = refusal(wrong.status_code, _TEXTS[wrong.status_code], close=True)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
