"""A bare SDK server with one trivial tool: what ours is measured against.

    python benchmarks/trivial_server.py [--http]

Over HTTP it is stateless, answers in plain JSON and takes a free port, which uvicorn logs.
"""

from __future__ import annotations

import sys

from mcp.server import MCPServer

server = MCPServer("trivial")


@server.tool()
def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    if "--http" in sys.argv:
        server.run("streamable-http", port=0, stateless_http=True, json_response=True)
    server.run("stdio")
