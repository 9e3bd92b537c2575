"""A bare SDK server with one trivial tool: what `latency.py` measures ours against."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("trivial")


@server.tool()
def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    server.run("stdio")
