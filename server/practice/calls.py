"""Calls of tools and looks at resources, as the practice makes them: answered in a known form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import httpx2
from mcp import Client, MCPError
from mcp_types import TextContent, TextResourceContents
from pydantic import BaseModel, TypeAdapter

from server.practice.errors import RunStoppedError

T = TypeVar("T", bound=BaseModel)


async def call(client: Client, tool: str, arguments: Mapping[str, object], form: type[T]) -> T:
    """What a tool answers; raises RunStoppedError with what the server says."""
    try:
        result = await client.call_tool(tool, dict(arguments))
    except (MCPError, OSError, httpx2.HTTPError) as error:
        raise RunStoppedError(f"the server does not answer {tool}: {error}") from error
    if result.is_error:
        said = " ".join(c.text for c in result.content if isinstance(c, TextContent))
        raise RunStoppedError(f"the server refuses {tool}: {said}")
    return form.model_validate(result.structured_content)


async def read(client: Client, library: str, what: str, form: type[T]) -> T:
    """What a resource below a library says; raises RunStoppedError likewise."""
    return TypeAdapter(form).validate_json(await read_text(client, library, what))


async def read_text(client: Client, library: str, what: str) -> str:
    """The text of a resource below a library; raises RunStoppedError likewise."""
    try:
        result = await client.read_resource(f"experience://{library}/{what}")
    except (MCPError, OSError, httpx2.HTTPError) as error:
        raise RunStoppedError(f"the server does not show {what}: {error}") from error
    return "".join(c.text for c in result.contents if isinstance(c, TextResourceContents))
