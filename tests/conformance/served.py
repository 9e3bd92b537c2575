"""The factory's server with the suite's fixtures on it, over HTTP: `served.py DATABASE`.

It is served as `experience-mcp serve --http 0` serves it, and logs where it listens.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from server.http.running import serve_http
from server.logs import log_to_stderr
from server.mcp_server import build_server
from server.settings import HttpSettings, Settings
from tests.conformance.fixtures import add_fixtures


def main(database: Path) -> None:
    log_to_stderr("info", as_json=True)
    server = build_server(Settings(database))
    add_fixtures(server)
    asyncio.run(serve_http(server, HttpSettings("127.0.0.1", 0, 16), lambda: None))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
