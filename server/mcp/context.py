"""What a tool call comes with: the app as its caller sees it, and who the caller is."""

from __future__ import annotations

from typing import Any, TypeAlias

from mcp.server.mcpserver import Context

from server.access import current_access
from server.app import App

MAX_HOST_NAME = 60  # characters of the name a host gives itself

AppContext: TypeAlias = Context[App, Any]


def app_of(ctx: AppContext) -> App:
    """The app as the caller sees it."""
    return ctx.request_context.lifespan_context.seen()


def author_of(ctx: AppContext) -> str:
    """The author of a change, for histories: the host, and the signed-in caller if any."""
    info = ctx.session.client_params.client_info if ctx.session.client_params else None
    host = f"host {info.name[:MAX_HOST_NAME]}" if info else "host"
    who = current_access.get().who
    return f"{host} for {who}" if who else host
