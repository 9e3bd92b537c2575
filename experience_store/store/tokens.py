"""Tokens that clients sign in with: what each permits, and when it expires.

Only a token's digest is stored. A token is 256 random bits, so a plain SHA-256 is enough: there is
nothing for a slow hash to protect from guessing, and the timing of an index look-up reveals nothing
about tokens an attacker does not have.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

PREFIX = "exm_"  # makes tokens recognisable to people and secret scanners


@dataclass(frozen=True, slots=True)
class Token:
    """A token's owner and rights.

    Attributes:
        id: Short identifier; not secret.
        scopes: Names of its permissions.
        libraries: Names of accessible libraries, existing or not; None for all.
        expires_at: When it expires; None for never.
    """

    id: str
    name: str
    scopes: frozenset[str]
    libraries: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None


def new_token() -> str:
    """A new random token."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """The digest of a token, as stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens(Protocol):
    """Tokens that clients sign in with."""

    async def add(self, token: Token, digest: str) -> None:
        """Store a token; raises ConflictError if its name is taken."""
        ...

    async def find(self, digest: str) -> Token | None:
        """The token with a digest; None if it is unknown, revoked or expired."""
        ...

    async def all(self) -> tuple[Token, ...]:
        """All tokens, expired ones included, by name."""
        ...

    async def revoke(self, name_or_id: str) -> Token:
        """Revoke a token, effective at once in every process; raises NotFoundError."""
        ...
