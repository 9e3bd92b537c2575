"""Which URLs are trusted with keys: what comes over plain HTTP may come from anybody."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from experience_store.errors import BadInputError
from server.settings import OAuthSettings

_PLAIN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # what a URL or a scope may consist of


def is_safe(url: str) -> bool:
    """Whether what is read there cannot be changed on its way: HTTPS, or this machine."""
    parts = _parts(url)
    return parts is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    )


def check_oauth(settings: OAuthSettings) -> None:
    """Refuse settings under which no token could be trusted, or none would ever fit.

    Raises:
        BadInputError: With what to give instead.
    """
    if not is_safe(settings.issuer) or "?" in settings.issuer:
        raise BadInputError(
            f"{settings.issuer!r} is no issuer: give the https URL of the authorization server, as "
            "it stands in its tokens (`iss`)"
        )
    if settings.jwks_url is not None and not is_safe(settings.jwks_url):
        raise BadInputError(
            f"{settings.jwks_url!r} cannot be trusted with keys: give an https URL, or one of this "
            "machine's loopback"
        )
    if not is_safe(settings.resource) or "?" in settings.resource:
        raise BadInputError(
            f"{settings.resource!r} is no resource: give the https URL by which clients reach this "
            "server, such as https://experience.example.com/mcp"
        )
    if settings.scope_prefix and not _PLAIN.fullmatch(settings.scope_prefix):
        raise BadInputError(
            f"{settings.scope_prefix!r} cannot begin a scope: give printable ASCII without spaces, "
            "quotes and backslashes, such as experience:"
        )


def _parts(url: str) -> SplitResult | None:
    """What an absolute URL consists of; None if it is none, or names a user or a fragment."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0
    except ValueError:
        return None
    plain = _PLAIN.fullmatch(url) and "@" not in parts.netloc and "#" not in url
    return parts if usable and plain else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name may lead anywhere
