"""Addresses and URLs: where the server listens, and which ones can be trusted.

Imports neither starlette nor the SDK: the command line checks its options with it.
"""

from __future__ import annotations

import errno
import re
import socket
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from experience_store.errors import BadInputError
from server.settings import OAuthSettings

LOCALHOST = "localhost"
DEFAULT_HOST = "127.0.0.1"
MAX_PORT = 65_535
_HINTS = {
    errno.EADDRINUSE: "; give another port, or 0 for a free one",
    errno.EACCES: "; give a port from 1024 on, or 0 for a free one",
    errno.EADDRNOTAVAIL: "; give an address of this machine, such as 127.0.0.1",
}
_SAFE_CHARACTERS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # of URLs and scopes


def read_address(text: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`; an IPv6 host is in brackets.

    Raises:
        BadInputError: If it is invalid.
    """
    host, _, port = text.strip().rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise BadInputError(
            f"invalid address {text!r}: give [HOST:]PORT, such as 8000, 127.0.0.1:8000 or "
            "[::1]:8000"
        )
    host = host.removeprefix("[").removesuffix("]") or DEFAULT_HOST
    return (DEFAULT_HOST if host == LOCALHOST else host), int(port)


def check_sign_in(host: str, *, sign_in: bool) -> None:
    """Raise BadInputError if other machines could connect without signing in."""
    if not (sign_in or is_loopback(host)):
        raise BadInputError(
            f"other machines can reach {host}, so callers must sign in: add --sign-in and create a "
            "token for each with `experience-mcp token create NAME` (or name an authorization "
            "server with --oauth-issuer). To serve without sign-in, give a loopback address, such "
            "as 127.0.0.1:8000 or [::1]:8000"
        )


def check_oauth(settings: OAuthSettings) -> None:
    """Refuse settings that are unsafe, or that no token could ever match.

    Raises:
        BadInputError: With what to give instead.
    """
    if not is_secure_url(settings.issuer) or "?" in settings.issuer:
        raise BadInputError(
            f"invalid issuer {settings.issuer!r}: give the https URL of the authorization server, "
            "exactly as in its tokens (`iss`)"
        )
    if settings.jwks_url is not None and not is_secure_url(settings.jwks_url):
        raise BadInputError(
            f"keys from {settings.jwks_url!r} cannot be trusted: give an https URL, or a loopback "
            "one"
        )
    if not is_secure_url(settings.resource) or "?" in settings.resource:
        raise BadInputError(
            f"invalid resource {settings.resource!r}: give the https URL by which clients reach "
            "this server, such as https://experience.example.com/mcp"
        )
    if settings.scope_prefix and not _SAFE_CHARACTERS.fullmatch(settings.scope_prefix):
        raise BadInputError(
            f"invalid scope prefix {settings.scope_prefix!r}: give printable ASCII without spaces, "
            "quotes and backslashes, such as experience:"
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one.

    Raises:
        BadInputError: If the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # So that a restart need not wait for old connections; two servers still cannot share it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        hint = _HINTS.get(error.errno or 0, "")
        raise BadInputError(
            f"cannot listen on {authority(host, port)}: {error.strerror or error}{hint}"
        ) from error
    return listener


def authority(host: str, port: int) -> str:
    """Host and port as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_names(host: str, port: int) -> list[str]:
    """The server's own names with its port, as in a `Host` header."""
    names = dict.fromkeys((host, DEFAULT_HOST, LOCALHOST, "::1"))
    return [authority(name, port) for name in names]


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a host."""
    if host == LOCALHOST:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name may resolve to anything, tomorrow if not today


def is_secure_url(url: str) -> bool:
    """Whether traffic to a URL is safe from eavesdropping and tampering: HTTPS, or loopback."""
    parts = _absolute(url)
    return parts is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def _absolute(url: str) -> SplitResult | None:
    """The parts of an absolute URL; None if it is invalid, or names a user or a fragment."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0
    except ValueError:
        return None
    plain = _SAFE_CHARACTERS.fullmatch(url) and "@" not in parts.netloc and "#" not in url
    return parts if usable and plain else None
