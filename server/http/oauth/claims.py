"""What a token says of its bearer, in this server's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import jwt

from server.access import Access, Scope
from server.http.caller import Caller
from server.settings import OAuthSettings

Claims: TypeAlias = Mapping[str, Any]

ALL = "*"
MAX_NAME = 100
_CLIENT = ("client_id", "azp")
_SCOPES = ("scope", "scp")


def caller_of(claims: Claims, settings: OAuthSettings) -> Caller:
    """Whom the claims of a good token stand for.

    Raises:
        PyJWTError: If they name nobody.
    """
    subject = _text(claims.get("sub"))
    client = next((text for name in _CLIENT if (text := _text(claims.get(name)))), None)
    if subject is None and client is None:
        raise jwt.MissingRequiredClaimError("sub")
    who = json.dumps([settings.issuer, subject, client])
    return Caller(
        f"oauth-{hashlib.sha256(who.encode()).hexdigest()[:32]}",
        Access(_name(subject, client), _scopes(claims, settings), _libraries(claims, settings)),
        can_ask_for_more=True,
    )


def _name(subject: str | None, client: str | None) -> str:
    """The user with the program, or the one that there is, in a line."""
    if subject is None or client is None or subject == client:
        return _line(subject or client or "", MAX_NAME)
    half = MAX_NAME // 2
    return f"{_line(subject, half - 1)} ({_line(client, half - 2)})"


def _line(text: str, most: int) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "?"
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _scopes(claims: Claims, settings: OAuthSettings) -> frozenset[Scope]:
    """Those of ours; others are for others."""
    given = next((_words(claims[name]) for name in _SCOPES if name in claims), frozenset[str]())
    return frozenset(scope for scope in Scope if f"{settings.scope_prefix}{scope}" in given)


def _libraries(claims: Claims, settings: OAuthSettings) -> frozenset[str] | None:
    """Those that the claim names; what it says badly reaches nothing."""
    claim = settings.libraries_claim
    if claim not in claims:
        return None if settings.all_libraries else frozenset()
    names = _words(claims[claim])
    return None if ALL in names else names


def _words(claim: object) -> frozenset[str]:
    """The words of a text, or a list of texts."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    entries = cast("list[object]", claim) if isinstance(claim, list) else []
    return frozenset(entry for entry in entries if isinstance(entry, str))


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) and claim else None
