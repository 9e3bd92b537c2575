"""Tokens that clients sign in with: what each may do, and when it ends.

A token itself is never stored, only its digest. It is 256 random bits, so a plain SHA-256 is
enough: there is nothing to guess that a slow hash would slow down, and looking a digest up in an
index tells nobody anything about a token that he does not have.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

PREFIX = "exm_"  # so that people and scanners for secrets know one when they see it


@dataclass(frozen=True, slots=True)
class Token:
    """A token's owner and rights.

    Attributes:
        id: Short, and no secret.
        scopes: What it may do, in the server's words.
        libraries: Names of those it reaches, whether they exist or not; None for all.
        expires_at: From when on it is unknown; None for never.
    """

    id: str
    name: str
    scopes: frozenset[str]
    libraries: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None


def new_token() -> str:
    """A token that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens(Protocol):
    """Tokens that clients sign in with."""

    async def add(self, token: Token, digest: str) -> None:
        """Store a token; raises ConflictError if there is one of its name."""
        ...

    async def find(self, digest: str) -> Token | None:
        """The token of a digest; None if it is unknown, revoked or expired."""
        ...

    async def all(self) -> tuple[Token, ...]:
        """Every token, expired ones too, by name."""
        ...

    async def revoke(self, name_or_id: str) -> Token:
        """Make a token unknown from now on, in every process; raises NotFoundError."""
        ...
