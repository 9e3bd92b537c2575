"""A connection to a server: calls tools and reads resources, with typed results.

The server either runs elsewhere and is reached by its URL, or is embedded in this process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx2
from mcp import Client, MCPError
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INVALID_PARAMS, Implementation, TextContent, TextResourceContents
from pydantic import BaseModel, TypeAdapter

from experience_store.errors import BadInputError
from server.learning.models import Model
from server.mcp.build import build_server
from server.practice.run_errors import RunStoppedError
from server.settings import ModelSettings, Settings

TOKEN = "EXPERIENCE_MCP_SERVER_TOKEN"  # noqa: S105  # the name of a variable
_INFO = Implementation(name="experience-mcp practice", version="1")
_TIMEOUT = httpx2.Timeout(30.0, read=300.0)  # seconds; a stream may be silent for long
_NEVER = 2**31  # groups or seconds: the embedded server learns when it is told, not by itself

T = TypeVar("T", bound=BaseModel)


class ResourceMissingError(RunStoppedError):
    """The server has no such resource."""


class ServerConnection:
    """An open connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, tool: str, arguments: Mapping[str, object], form: type[T]) -> T:
        """Call a tool; its structured result.

        Raises:
            RunStoppedError: If the server does not answer, or refuses; with its message.
        """
        try:
            result = await self._client.call_tool(tool, dict(arguments))
        except (MCPError, OSError, httpx2.HTTPError) as error:
            raise RunStoppedError(f"the server does not answer {tool}: {error}") from error
        if result.is_error:
            said = " ".join(c.text for c in result.content if isinstance(c, TextContent))
            raise RunStoppedError(f"the server refuses {tool}: {said}")
        return form.model_validate(result.structured_content)

    async def read(self, uri: str, form: type[T]) -> T:
        """Read a JSON resource; raises as `read_text` does."""
        return TypeAdapter(form).validate_json(await self.read_text(uri))

    async def read_text(self, uri: str) -> str:
        """Read a resource as text.

        Raises:
            ResourceMissingError: If there is no such resource.
            RunStoppedError: If the server does not answer.
        """
        try:
            result = await self._client.read_resource(uri)
        except (MCPError, OSError, httpx2.HTTPError) as error:
            said = f"the server does not show {uri}: {error}"
            if isinstance(error, MCPError) and error.code == INVALID_PARAMS:
                raise ResourceMissingError(said) from error
            raise RunStoppedError(said) from error
        return "".join(c.text for c in result.contents if isinstance(c, TextResourceContents))

    async def has_tool(self, name: str) -> bool:
        """Whether the server offers a tool to this client."""
        try:
            return any(tool.name == name for tool in (await self._client.list_tools()).tools)
        except (MCPError, OSError, httpx2.HTTPError) as error:
            raise RunStoppedError(f"the server does not list its tools: {error}") from error


async def connect(url: str, stack: AsyncExitStack) -> ServerConnection:
    """Connect to a server elsewhere; the connection is closed with the stack.

    Raises:
        BadInputError: If no MCP server answers there.
    """
    try:
        transport = await _transport(url, stack)
        client = await stack.enter_async_context(Client(transport, client_info=_INFO))
    except (OSError, MCPError, httpx2.HTTPError, BaseExceptionGroup) as error:
        raise BadInputError(
            f"no MCP server answers at {url}: {type(error).__name__}. Start it (if it asks for a "
            f"token, set {TOKEN}), or leave out --server to learn in a database of this machine"
        ) from error
    return ServerConnection(client)


async def embed(
    database: Path, settings: ModelSettings, model: Model, stack: AsyncExitStack
) -> ServerConnection:
    """Connect to a new server in this process, which learns on demand only.

    Args:
        database: The database of the server.
        settings: The settings of its model.
        model: The model that learns.
        stack: Shuts the server down when it is closed.
    """
    on_demand = replace(settings, learn_groups=_NEVER, learn_after=float(_NEVER))
    server = build_server(Settings(database, model=on_demand, administration=True), model)
    return ServerConnection(await stack.enter_async_context(Client(server, client_info=_INFO)))


async def _transport(url: str, stack: AsyncExitStack) -> str | Transport:
    """The URL, or a transport that signs in with the token of the environment."""
    token = os.environ.get(TOKEN)
    if not token:
        return url
    headers = {"authorization": f"Bearer {token}"}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT))
    return streamable_http_client(url, http_client=http)
