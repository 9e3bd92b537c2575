"""A small MCP server for agents in tests: it counts, looks up, fails, hangs, and dies."""

from __future__ import annotations

import os
import sys
import time

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("numbers", log_level="ERROR")
_calls: list[int] = []


@server.tool()
def look_up(number: int) -> str:
    """What the tree of a number is called."""
    _calls.append(number)
    return f"TRUTH-IS-{number} (call {len(_calls)} of this server)"


@server.tool()
def fail(reason: str) -> str:
    """Fails, for a reason."""
    raise ToolError(reason)


@server.tool()
def hang() -> str:
    """Does not come back."""
    time.sleep(600)
    return "at last"


@server.tool()
def die() -> str:
    """Ends the server in the middle of the call."""
    os._exit(3)


if __name__ == "__main__":
    if "--broken" in sys.argv:
        sys.exit("this server never starts")
    server.run("stdio")
