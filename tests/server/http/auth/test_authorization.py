"""Where the caller is unknown, nothing is done."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from server.access import NOTHING, current_access
from server.http.auth.callers import Authorization
from server.mcp.build import build_server
from server.settings import Settings
from tests.processes.calling import call


@asynccontextmanager
async def unknown_caller(database: Path) -> AsyncGenerator[Client]:
    """A connection that did not come through the sign-in, to a server that has one."""
    server = build_server(Settings(database))
    async with Client(server) as client:
        server.middleware.append(Authorization(server.scope_of))
        yield client


async def test_a_message_without_a_caller_is_refused(database: Path) -> None:
    async with unknown_caller(database) as client:
        for method in (client.list_tools, client.list_resources, client.list_prompts):
            with pytest.raises(MCPError, match="the caller is unknown"):
                await method()
        with pytest.raises(MCPError, match="the caller is unknown"):
            await client.call_tool("list_libraries", {})


async def test_without_access_nothing_is_listed_or_callable(database: Path) -> None:
    before = current_access.set(NOTHING)
    try:
        async with Client(build_server(Settings(database))) as client:
            assert (await client.list_tools()).tools == []
            assert (await client.list_resources()).resources == []
            answer = await call(client, "list_libraries")
    finally:
        current_access.reset(before)
    assert "list_libraries needs the scope read; this token has no scope" in answer.text
