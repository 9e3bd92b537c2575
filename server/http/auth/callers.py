"""Who is calling, how that is found out, and what the caller may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST
from starlette.requests import Request
from starlette.types import Scope
from typing_extensions import override

from experience_store.store import TOKEN_PREFIX, Store, digest_of
from server import access
from server.access import current_access
from server.http.request_log import info_of

CALLER = "experience_mcp.caller"
# These say nothing about libraries, or only what the caller may use; all others read.
_NO_SCOPE_NEEDED = frozenset(
    {
        "initialize",
        "server/discover",
        "ping",
        "logging/setLevel",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that has signed in.

    Attributes:
        key: Unique to the caller.
        can_request_scopes: Whether an authorization server may give it a token with more scopes.
    """

    key: str
    access: access.Access
    can_request_scopes: bool = False


class Authenticator(Protocol):
    """Authenticates tokens of one kind."""

    async def authenticate(self, token: str) -> Caller | None:
        """The token's caller; None if it is invalid, or of another kind.

        Raises:
            TokenRefusedError: If it is invalid for a reason that its owner may know.
            AuthenticationUnavailableError: If that cannot be decided now. The log says why.
        """
        ...


class TokenRefusedError(Exception):
    """A token is invalid; the message says why, to its owner."""


class AuthenticationUnavailableError(Exception):
    """Whether a token is valid cannot be decided now; a retry may succeed."""


class StoredTokenAuthenticator(Authenticator):
    """Authenticates the tokens that `experience-mcp token create` made.

    It asks the database on every request, so revoking a token takes effect at once.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store

    @override
    async def authenticate(self, token: str) -> Caller | None:
        if not token.startswith(TOKEN_PREFIX):
            return None
        tokens, digest = self._store().tokens, digest_of(token)
        found = await tokens.find(digest)
        if found is None:
            # who has its 256 random bits may know what became of it
            if await tokens.find_expired(digest):
                raise TokenRefusedError("expired")
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


class Authorization:
    """MCP middleware of a server with sign-in: each message is handled with its caller's access.

    The access comes from the request itself and is set around the handler, in the handler's own
    task.
    """

    def __init__(self, scope_of: Callable[[str], access.Scope | None]) -> None:
        """Enforce the scopes.

        Args:
            scope_of: The scope that a tool needs; None if there is no such tool.
        """
        self._scope_of = scope_of

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Pass a message on with its caller's access, or refuse it."""
        request: object = ctx.request
        caller = caller_of(request.scope) if isinstance(request, Request) else None
        if caller is None or not isinstance(request, Request):
            raise MCPError(INVALID_REQUEST, "the caller is unknown")
        needed = self._needed_scope(ctx)
        if needed is not None and needed not in caller.access.scopes:
            info = info_of(request.scope)
            if info is not None and caller.can_request_scopes:
                info.missing_scope = needed
            if ctx.method != "tools/call":  # whose own error is a result
                raise MCPError(INVALID_REQUEST, caller.access.lacks(needed, ctx.method))
        before = current_access.set(caller.access)
        try:
            return await call_next(ctx)
        finally:
            current_access.reset(before)

    def _needed_scope(self, ctx: ServerRequestContext[Any, Any]) -> access.Scope | None:
        if ctx.method == "tools/call":
            return self._scope_of(str((ctx.params or {}).get("name")))
        if ctx.method in _NO_SCOPE_NEEDED or ctx.method.startswith("notifications/"):
            return None
        return access.Scope.READ
