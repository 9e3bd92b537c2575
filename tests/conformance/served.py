"""The factory's server with the suite's fixtures on it, over HTTP: `served.py DATABASE`.

It is served as `experience-mcp serve --http 0` serves it, and logs where it listens. With
`--sessions` the SDK's own transport serves it, whose connections last, as they do over stdio,
which the suite cannot speak.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import uvicorn

from server.http.address import bind
from server.http.running import serve_http
from server.logs import log_to_stderr
from server.mcp.build import build_server
from server.mcp.server import ExperienceServer
from server.settings import HttpSettings, Settings
from tests.conformance.fixtures import add_fixtures

HOST = "127.0.0.1"


async def serve_with_sessions(server: ExperienceServer) -> None:
    server.tell_connections()
    with bind(HOST, 0) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}/mcp"
        logging.getLogger(__name__).info("listening", extra={"url": url})
        config = uvicorn.Config(server.streamable_http_app(), log_config=None, ws="none")
        await uvicorn.Server(config).serve(sockets=[listener])


def main(database: Path, *options: str) -> None:
    log_to_stderr("info", as_json=True)
    server = build_server(Settings(database))
    add_fixtures(server)
    if "--sessions" in options:
        asyncio.run(serve_with_sessions(server))
    else:
        asyncio.run(serve_http(server, HttpSettings(HOST, 0), lambda: None))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
