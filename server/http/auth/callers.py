"""Who is calling, and how that is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Scope
from typing_extensions import override

from experience_store.store import Store
from experience_store.store.tokens import PREFIX, digest_of
from server import access

CALLER = "experience_mcp.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that has signed in.

    Attributes:
        key: Tells callers apart.
        can_request_scopes: Whether an authorization server may give it a token with more scopes.
    """

    key: str
    access: access.Access
    can_request_scopes: bool = False


class Authenticator(Protocol):
    """Knows one kind of token."""

    async def authenticate(self, token: str) -> Caller | None:
        """The token's caller; None if it is invalid, or of another kind.

        Raises:
            AuthenticationUnavailableError: If that cannot be decided now. The log says why.
        """
        ...


class AuthenticationUnavailableError(Exception):
    """Whether a token is valid cannot be decided now; a retry may succeed."""


class StoredTokenAuthenticator(Authenticator):
    """Knows the tokens that `experience-mcp token create` made.

    It asks the database on every request, so revoking a token takes effect at once.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store

    @override
    async def authenticate(self, token: str) -> Caller | None:
        if not token.startswith(PREFIX):
            return None
        found = await self._store().tokens.find(digest_of(token))
        if found is None:
            return None
        scopes = access.known_scopes(found.scopes)
        return Caller(f"token {found.id}", access.Access(found.name, scopes, found.libraries))


def caller_of(scope: Scope) -> Caller | None:
    """The caller of a request; only the sign-in puts it there."""
    found = scope.get(CALLER)
    return found if isinstance(found, Caller) else None


def caller_key(scope: Scope) -> str | None:
    """The key of a request's caller; None without sign-in."""
    caller = caller_of(scope)
    return caller.key if caller else None
