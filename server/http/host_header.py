"""Which `Host` and `Origin` headers are accepted: protection against DNS rebinding.

A web page anywhere can make a browser send requests to 127.0.0.1, under a name of its own that
resolves to it. Such a request carries that page's host or origin.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.address import own_names
from server.http.error_response import ErrorResponse
from server.settings import HttpSettings

MISDIRECTED = 421
_SAFE = re.compile(r"[a-z0-9.:_\[\]/-]{1,255}")  # to repeat in a message
_PORT = re.compile(r":[0-9]+$")


def transport_security(settings: HttpSettings, port: int) -> TransportSecuritySettings:
    """The hosts and origins that the SDK is to accept.

    Args:
        settings: Additional names of this server, with or without a port, and origins.
        port: The port it listens on.
    """
    own = [name.lower() for name in own_names(settings.host, port)]
    given = [name for host in settings.allowed_hosts for name in _with_ports(host.lower())]
    if settings.sign_in and settings.sign_in.oauth:
        given += _hosts_of(settings.sign_in.oauth.resource)
    scheme = "https" if settings.tls else "http"
    # other names belong to a proxy with TLS, as a rule
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
    """A name as it may appear in `Host`: with any port, if it names none."""
    has_port = host.rpartition(":")[2].isdigit() and not host.endswith("]")
    return [host] if has_port else [host, f"{host}:*"]


def _hosts_of(url: str) -> list[str]:
    """`Host` headers of requests to a URL; the default port of its scheme may be omitted."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port or default
    return [f"{host}:{port}", *([host] if port == default else [])]


class HostHeaderCheck:
    """Refuses requests that were not meant for this server, on every path."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [_lower_case(*header) for header in scope["headers"]]}
            wrong = await self._security.validate_request(Request(scope))
            if wrong is not None:
                headers = Headers(scope=scope)
                is_host = wrong.status_code == MISDIRECTED
                text = _wrong_host(headers) if is_host else _wrong_origin(headers)
                await ErrorResponse(wrong.status_code, text)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _wrong_host(headers: Headers) -> str:
    host = headers.get("host", "")
    if not _SAFE.fullmatch(host):
        return (
            "the Host header names no host: send the server's name in it; --allowed-host adds one"
        )
    return (
        f"this server is not known as {host!r}: use one of its own names, or start it with "
        f"--allowed-host {_PORT.sub('', host)}"
    )


def _wrong_origin(headers: Headers) -> str:
    origin = headers.get("origin", "")
    if "://" not in origin or not _SAFE.fullmatch(origin):
        return (
            "pages without an origin, such as local files, may not call this server: serve the "
            "page over HTTP, and start the server with --allowed-origin and the page's origin"
        )
    return (
        f"pages of {origin!r} may not call this server: start it with --allowed-origin {origin} to "
        "allow them"
    )


def _lower_case(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A header, with host names in the form that is compared."""
    return name, value.lower() if name in {b"host", b"origin"} else value
