"""The way to a server that a practice run is pointed at, with a token where it asks for one."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

import httpx2
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client

from server.cli.options import ENVIRONMENT

TOKEN = f"{ENVIRONMENT}SERVER_TOKEN"
_TIMES = httpx2.Timeout(30.0, read=300.0)  # seconds; a stream may be silent for long


async def way_to(url: str, stack: AsyncExitStack) -> str | Transport:
    """What a client connects to: the URL, or a transport that signs in with the token."""
    token = os.environ.get(TOKEN)
    if not token:
        return url
    headers = {"authorization": f"Bearer {token}"}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=_TIMES))
    return streamable_http_client(url, http_client=http)
