"""Where the server listens: on this machine only, unless callers have to sign in."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from experience_store.errors import BadInputError

LOCALHOST = "localhost"
DEFAULT_HOST = "127.0.0.1"
MAX_PORT = 65_535


def read_address(text: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`; an IPv6 host stands in brackets.

    Raises:
        BadInputError: If it is none.
    """
    host, _, port = text.strip().rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise BadInputError(
            f"{text!r} is no address: give [HOST:]PORT, such as 8000, 127.0.0.1:8000 or [::1]:8000"
        )
    host = host.removeprefix("[").removesuffix("]") or DEFAULT_HOST
    return (DEFAULT_HOST if host == LOCALHOST else host), int(port)


def check_reachable(host: str, *, sign_in: bool) -> None:
    """Raise BadInputError if others could connect and nobody asked who they are."""
    if not (sign_in or is_loopback(host)):
        raise BadInputError(
            f"{host} can be reached from elsewhere, so callers must sign in: add --sign-in and "
            "make a token for each with `experience-mcp token create NAME` (or name an "
            "authorization server with --oauth-issuer). Without sign-in, give a loopback address, "
            "such as 127.0.0.1:8000 or [::1]:8000"
        )


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        BadInputError: If it cannot be had, with the reason.
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
        raise BadInputError(
            f"cannot listen on {authority(host, port)}: {error.strerror or error}"
        ) from error
    return listener


def authority(host: str, port: int) -> str:
    """Host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_names(host: str, port: int) -> list[str]:
    """What a `Host` header may say: this server's own names, with its port."""
    names = dict.fromkeys((host, DEFAULT_HOST, LOCALHOST, "::1"))
    return [authority(name, port) for name in names]


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to it."""
    if host == LOCALHOST:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name may lead anywhere, tomorrow if not today
