"""What is done for a caller is done with its access, or not at all.

The access comes from the request itself and is set around the handler, in the handler's own task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST
from starlette.requests import Request

from server.access import Scope, current_access
from server.http.auth.callers import caller_of
from server.http.request_log import info_of

# They say nothing about libraries, or only what the caller may use; everything else reads.
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


class Authorization:
    """Middleware of the MCP server, for a server with sign-in."""

    def __init__(self, scope_of: Callable[[str], Scope | None]) -> None:
        """Hold callers to their scopes.

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
            if ctx.method != "tools/call":  # a tool is said not to exist
                raise MCPError(INVALID_REQUEST, f"{ctx.method} needs the scope {needed.value}")
        before = current_access.set(caller.access)
        try:
            return await call_next(ctx)
        finally:
            current_access.reset(before)

    def _needed_scope(self, ctx: ServerRequestContext[Any, Any]) -> Scope | None:
        if ctx.method == "tools/call":
            return self._scope_of(str((ctx.params or {}).get("name")))
        if ctx.method in _NO_SCOPE_NEEDED or ctx.method.startswith("notifications/"):
            return None
        return Scope.READ
