"""Clients of a server in this process, in both protocol eras."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias, cast

from mcp import Client
from mcp_types import TextResourceContents

from server.mcp.build import build_server
from server.settings import Settings
from tests.processes.calling import call

Mode: TypeAlias = Literal["auto", "legacy"]


HOST_CUTS_RESULTS_AT = 25_000


TOOLS = ["get_experiences", "submit_group", "update_experiences", "submit_answers"]


@asynccontextmanager
async def connected(database: Path, mode: Mode = "auto") -> AsyncGenerator[Client]:
    """A client of a new server, as if the process had just been started."""
    async with Client(build_server(Settings(database)), mode=mode) as client:
        yield client


async def text_of(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def groups_stored(client: Client) -> int:
    libraries = (await call(client, "list_libraries")).data["libraries"]
    return sum(library["groups"] for library in libraries)


def leaves(value: object) -> list[str]:
    """Every text in structured content."""
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value)
        return [leaf for v in inner.values() for leaf in leaves(v)]
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [leaf for v in items for leaf in leaves(v)]
    return [value] if isinstance(value, str) else []
