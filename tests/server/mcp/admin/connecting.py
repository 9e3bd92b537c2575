"""A host that is connected to a server with the tools of administration, in either era."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from mcp import Client
from mcp.client.session import ElicitationFnT

from server.mcp.build import build_server
from server.settings import Settings

Mode: TypeAlias = Literal["auto", "legacy"]


@asynccontextmanager
async def connected(
    database: Path, mode: Mode = "auto", user: ElicitationFnT | None = None
) -> AsyncGenerator[Client]:
    server = build_server(Settings(database, administration=True))
    async with Client(server, mode=mode, elicitation_callback=user) as client:
        yield client
