"""Who is calling, and how that is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Scope

from experience_store.store import Store
from experience_store.store.tokens import PREFIX, digest_of
from server import access

KEY = "experience_mcp.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has signed in.

    Attributes:
        key: Tells callers apart.
        can_ask_for_more: Whether an authorization server may give it a token with more scopes.
    """

    key: str
    access: access.Access
    can_ask_for_more: bool = False


class Verifier(Protocol):
    """Knows one kind of token."""

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is; None if it is not valid, or of another kind.

        Raises:
            VerifierUnavailableError: If that cannot be told now. Its own log says why.
        """
        ...


class VerifierUnavailableError(Exception):
    """Whether a token is valid cannot be told now; the same request may be fine in a while."""


class OwnTokens:
    """Tokens that `experience-mcp token create` made.

    The database is asked at every request, so that one that is revoked is unknown at once.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is, if there is such a one."""
        if not token.startswith(PREFIX):
            return None
        found = await self._store().tokens.find(digest_of(token))
        if found is None:
            return None
        scopes = access.known_scopes(found.scopes)
        return Caller(f"token {found.id}", access.Access(found.name, scopes, found.libraries))


def caller_of(scope: Scope) -> Caller | None:
    """The caller that a request's scope carries, put there by the sign-in alone."""
    found = scope.get(KEY)
    return found if isinstance(found, Caller) else None
