"""Who a tool call is from, for histories."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context

from server.access import current_access
from server.app import App

MAX_NAME = 60  # characters of a host's word


def author_of(ctx: Context[App, Any]) -> str:
    """`host`, which one it is if it says so, and for whom it calls if that was checked."""
    info = ctx.session.client_params.client_info if ctx.session.client_params else None
    host = f"host {info.name[:MAX_NAME]}" if info else "host"
    who = current_access.get().who
    return f"{host} for {who}" if who else host
