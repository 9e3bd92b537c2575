"""A connection to a server: calls tools and reads resources, with typed results.

The server either runs elsewhere and is reached by its URL, or is embedded in this process.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INVALID_PARAMS, Implementation, TextContent, TextResourceContents
from pydantic import BaseModel, TypeAdapter

from experience_store.errors import BadInputError
from server.learning.models import Model
from server.mcp.build import build_server
from server.practice.run_errors import RunStoppedError
from server.settings import ModelSettings, Settings, secret_in
from server.text import clipped

TOKEN = "EXPERIENCE_MCP_SERVER_TOKEN"  # noqa: S105  # the name of a variable
_INFO = Implementation(name="experience-mcp practice", version="1")
_TIMEOUT = httpx2.Timeout(30.0, read=300.0)  # seconds; a stream may be silent for long
_MOST_OF_BODY = 300  # characters of an answer that an error shows
_NEVER = 2**31  # groups or seconds: the embedded server learns when it is told, not by itself

T = TypeVar("T", bound=BaseModel)


class ResourceMissingError(RunStoppedError):
    """The server has no such resource."""


class ServerConnection:
    """An open connection."""

    def __init__(self, client: Client, answers: HttpAnswers | None = None) -> None:
        self._client = client
        self._answers = answers

    def _reason(self, error: Exception) -> str:
        """What the error means: the client does not say that a token was refused."""
        refusal = self._answers.refusal if self._answers is not None else None
        return f"{error}" if refusal is None else refusal

    async def call(self, tool: str, arguments: Mapping[str, object], form: type[T]) -> T:
        """Call a tool; its structured result.

        Raises:
            RunStoppedError: If the server does not answer, or refuses; with its message.
        """
        try:
            result = await self._client.call_tool(tool, dict(arguments))
        except (MCPError, OSError, httpx2.HTTPError) as error:
            raise RunStoppedError(
                f"the server does not answer {tool}: {self._reason(error)}"
            ) from error
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
            reason = self._reason(error)
            if isinstance(error, MCPError) and error.code == INVALID_PARAMS:
                raise ResourceMissingError(reason) from error
            raise RunStoppedError(f"the server does not show {uri}: {reason}") from error
        return "".join(c.text for c in result.contents if isinstance(c, TextResourceContents))

    async def has_tool(self, name: str) -> bool:
        """Whether the server offers a tool to this client."""
        try:
            return any(tool.name == name for tool in (await self._client.list_tools()).tools)
        except (MCPError, OSError, httpx2.HTTPError) as error:
            raise RunStoppedError(
                f"the server does not list its tools: {self._reason(error)}"
            ) from error


async def connect(url: str, stack: AsyncExitStack) -> ServerConnection:
    """Connect to a server elsewhere; the connection is closed with the stack.

    Raises:
        BadInputError: If no MCP server answers there, or it refuses the token.
    """
    if not url.startswith(("http://", "https://")):
        raise BadInputError(f"--server: invalid URL {url!r}: give one as http://127.0.0.1:8000/mcp")
    logging.getLogger("mcp.client").setLevel(logging.CRITICAL)  # its errors are raised, too
    answers = HttpAnswers(url, secret_in(TOKEN))
    try:
        http = await stack.enter_async_context(answers.client())
        transport = streamable_http_client(url, http_client=http)
        client = await stack.enter_async_context(Client(transport, client_info=_INFO))
    except (OSError, MCPError, httpx2.HTTPError, BaseExceptionGroup) as error:
        raise BadInputError(answers.refusal or answers.why_no_server(error)) from error
    return ServerConnection(client, answers)


class HttpAnswers:
    """What a server answers over HTTP, of which the MCP client does not tell the status.

    Attributes:
        refusal: Why the last answer was a refusal, and what to do; None if it was none.
    """

    def __init__(self, url: str, token: str | None) -> None:
        """Watch a server.

        Args:
            url: Its URL.
            token: Signs in; None for a server without sign-in.
        """
        self._url = url
        self._token = token
        self._answered = False
        self.refusal: str | None = None

    def client(self) -> httpx2.AsyncClient:
        """An HTTP client whose responses are watched."""
        return httpx2.AsyncClient(
            headers={"authorization": f"Bearer {self._token}"} if self._token else {},
            timeout=_TIMEOUT,
            follow_redirects=True,
            event_hooks={"response": [self._look]},
        )

    async def _look(self, response: httpx2.Response) -> None:
        self._answered = True
        self.refusal = None
        if response.is_error and response.request.method == "POST":
            body = clipped((await response.aread()).decode("utf-8", "replace"), _MOST_OF_BODY)
            self.refusal = self._meaning(response.status_code, body)

    def _meaning(self, status: int, body: str) -> str:
        match status:
            case HTTPStatus.UNAUTHORIZED if self._token is None:
                return f"the server at {self._url} asks for a token: set {TOKEN}"
            case HTTPStatus.UNAUTHORIZED:
                return (
                    f"the server at {self._url} refuses the token: it is wrong, expired or "
                    f"revoked. Set {TOKEN} to one that `experience-mcp token create` made where "
                    "the server is"
                )
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
                return self._no_mcp(f"what is there answers {status}")
            case _:
                return f"the server at {self._url} answers {status}: {body}"

    def why_no_server(self, error: BaseException) -> str:
        """Why the client could not connect, if the server did not refuse."""
        if self._answered:
            return self._no_mcp("what is there answers something else")
        reason = clipped(str(_innermost(error)), _MOST_OF_BODY).rstrip(".") or type(error).__name__
        return (
            f"no MCP server answers at {self._url}: {reason}. Start it (if it asks for a token, "
            f"set {TOKEN}), or leave out --server to learn in a database of this machine"
        )

    def _no_mcp(self, how: str) -> str:
        return (
            f"no MCP server answers at {self._url}: {how}. Check the address; that of "
            "`experience-mcp serve --http` ends in /mcp"
        )


def _innermost(error: BaseException) -> BaseException:
    """What a group of errors is about: clients run in task groups, which wrap what passes."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of anything
    return error  # pyright: ignore[reportUnknownVariableType]  # see above


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
