"""Starts the tool servers of a file once, before anything is spent on attempts that need them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import MCPToolset

from experience_store.errors import BadInputError
from server.practice.players.agent import inner_toolset, toolsets
from server.practice.players.tool_log import last_words
from server.practice.run_errors import gather_or_stop
from server.text import clipped

_LONGEST = 300  # characters of an error


async def check_tools(path: Path, seconds: float) -> None:
    """Start each server, and have it list its tools.

    Args:
        path: The file of the servers, an `mcp.json`.
        seconds: How long one may take.

    Raises:
        BadInputError: If the file cannot be read, or a server does not start; it names the server.
    """
    servers = [inner_toolset(toolset) for toolset in toolsets(path, seconds)]
    with TemporaryDirectory(prefix="experience-mcp-") as folder:
        await gather_or_stop(
            [
                _check(server, seconds, path, Path(folder) / str(number))
                for number, server in enumerate(servers)
                if isinstance(server, MCPToolset)
            ]
        )


async def _check(server: MCPToolset[Any], seconds: float, path: Path, errors: Path) -> None:
    transport = server.client.transport
    if isinstance(transport, StdioTransport):
        transport.log_file = errors
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds), server:
            await server.list_tools()
    except Exception as error:  # servers fail in ways of their own
        late = time.monotonic() - began >= seconds
        how = (
            f"did not list its tools within {seconds:g} s (--tools-seconds)"
            if late
            else f"does not start: {clipped(str(error), _LONGEST) or type(error).__name__}"
        )
        raise BadInputError(
            f"{path}: the tool server {server.id!r} {how}{last_words(errors)}. Nothing was spent"
        ) from error
