"""A real server that accepts tokens of an authorization server."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.server.http.serving import Served, served


@asynccontextmanager
async def protected(
    database: Path, issuer: str, *options: str, resource: str | None = None
) -> AsyncGenerator[Served]:
    """Serve, with the server's own URL as the resource if none is given."""
    port = _free_port()
    own = f"http://127.0.0.1:{port}/mcp"
    oauth = ("--oauth-issuer", issuer, "--resource-url", resource or own)
    where = {"EXPERIENCE_MCP_HTTP": f"127.0.0.1:{port}"}
    async with served(database, *oauth, *options, **where) as server:
        yield server


def _free_port() -> int:
    """A port that was free a moment ago: a server's own URL must be known before it starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
