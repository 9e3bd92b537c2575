"""Requests must be meant for this server and come from its own pages, if from a page at all.

A web page anywhere can make a browser send requests to 127.0.0.1, under a name of its own that
leads there. Such a request names that page's host or origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.address import own_names
from server.http.limits import linger
from server.http.refusal import refusal
from server.settings import HttpSettings

WRONG_HOST = 421
_TEXTS = {
    WRONG_HOST: "this is not the host that the request names; use one of the server's own names",
    403: "requests from pages of other origins are refused",
}


def allowed(settings: HttpSettings, port: int) -> TransportSecuritySettings:
    """What the SDK checks: the server's own names and those it is given, and pages they serve.

    Args:
        settings: With names that lead here, with or without a port.
        port: Where the server listens.
    """
    own = [name.lower() for name in own_names(settings.host, port)]
    given = [name for host in settings.allowed_hosts for name in _with_ports(host.lower())]
    if settings.sign_in and settings.sign_in.oauth:
        given += _public(settings.sign_in.oauth.resource)
    scheme = "https" if settings.tls else "http"
    # what it is called by others is TLS in a proxy, as a rule
    pages = [f"{s}://{name}" for name in given for s in dict.fromkeys((scheme, "https"))]
    return TransportSecuritySettings(
        allowed_hosts=[*own, *given],
        allowed_origins=[
            *(f"{scheme}://{name}" for name in own),
            *pages,
            *(origin.lower() for origin in settings.allowed_origins),
        ],
    )


def _with_ports(host: str) -> list[str]:
    """A name as it may stand in `Host`: with any port, if it names none."""
    named = host.rpartition(":")[2].isdigit() and not host.endswith("]")
    return [host] if named else [host, f"{host}:*"]


def _public(url: str) -> list[str]:
    """What stands in `Host` when clients call a URL; the port of its scheme may be left out."""
    parts = urlsplit(url)
    usual = 443 if parts.scheme == "https" else 80
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port or usual
    return [f"{host}:{port}", *([host] if port == usual else [])]


def _folded(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A header, without what does not count in the names of hosts."""
    return name, value.lower() if name in {b"host", b"origin"} else value


class HostCheck:
    """Refuses what is not meant for this server, on every path that it stands before."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [_folded(*header) for header in scope["headers"]]}
            wrong = await self._security.validate_request(Request(scope))
            if wrong is not None:
                answer = refusal(wrong.status_code, _TEXTS[wrong.status_code], close=True)
                await linger(answer, scope, receive, send)
                return
        await self._app(scope, receive, send)
