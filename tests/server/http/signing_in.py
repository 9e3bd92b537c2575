"""Tokens and calls with them, for tests of the sign-in."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from experience_store import open_store
from experience_store.store import Token, digest_of, new_token
from tests.server.http.serving import JSON, LONG_ENOUGH, Served

EVERYTHING = ("read", "submit", "learn", "administer")
ERAS = ("2025-11-25", "2026-07-28")
_MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
_NAMED_BY = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}


async def make_token(
    database: Path,
    name: str = "mine",
    *,
    scopes: Iterable[str] = EVERYTHING,
    libraries: Iterable[str] | None = None,
    lasts: timedelta | None = None,
) -> str:
    now = datetime.now(UTC)
    reach = None if libraries is None else frozenset(libraries)
    ends = now + lasts if lasts else None
    token = Token(f"t-{token_hex(4)}", name, frozenset(scopes), reach, now, ends)
    secret = new_token()
    store = await open_store(database)
    await store.tokens.add(token, digest_of(secret))
    await store.close()
    return secret


@asynccontextmanager
async def signed_in(url: str, token: str, mode: str = "auto") -> AsyncGenerator[Client]:
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=LONG_ENOUGH) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


async def ask(
    server: Served, token: str | None, method: str, era: str = ERAS[0], **params: object
) -> httpx2.Response:
    """What the server answers to one request, as clients of an era send it."""
    headers = {**JSON, **({"authorization": f"Bearer {token}"} if token else {})}
    if era == ERAS[1]:
        params["_meta"] = _MODERN
        headers |= {"mcp-protocol-version": era, "mcp-method": method}
        if method in _NAMED_BY:
            headers["mcp-name"] = str(params[_NAMED_BY[method]])
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with server.http(**headers) as http:
        return await http.post("/mcp", content=json.dumps(body))


async def use(
    server: Served, token: str | None, tool: str, arguments: Mapping[str, object], era: str
) -> httpx2.Response:
    return await ask(server, token, "tools/call", era, name=tool, arguments=arguments)


def plain(response: httpx2.Response) -> tuple[int, str]:
    """Status and text, without ids that are new each time and without times."""
    text = re.sub(r"(group|update|r)-[0-9a-f]{12}", r"\1-…", response.text)
    return response.status_code, re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)", "…", text)
