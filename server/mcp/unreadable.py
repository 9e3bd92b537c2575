"""Messages that the SDK's parser rejects: mended where the meaning is plain, else answered.

The SDK drops what it cannot parse, and the client waits for ever. Half an emoji is the common case:
programs in JavaScript cut texts by UTF-16 units, and write what is left as an escape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from anyio import EndOfStream
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

from server.settings import MAX_LINE

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_OPEN, _CLOSE = frozenset("{["), frozenset("}]")
_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]|-?[0-9]+')

_Id: TypeAlias = int | str | None
_Received: TypeAlias = SessionMessage | Exception


class Receives(Protocol):
    """Where messages come from: the SDK's stream."""

    async def receive(self) -> _Received:
        """The next message, or why it could not be read."""
        ...

    async def aclose(self) -> None:
        """Close the stream."""
        ...


class Sends(Protocol):
    """Where answers go: the SDK's stream."""

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message."""
        ...


class ReadableMessages:
    """A stream of the messages that can be read; the others are mended or answered."""

    def __init__(self, inner: Receives, answers: Sends) -> None:
        """Create a stream.

        Args:
            inner: The SDK's stream.
            answers: Where errors are sent.
        """
        self._inner = inner
        self._answers = answers

    async def receive(self) -> _Received:
        """The next message that can be read."""
        while True:
            item = await self._inner.receive()
            if not isinstance(item, ValidationError):
                return item
            raw = _raw(item)
            if raw is None:
                await self._answers.send(SessionMessage(_misshapen(item)))
            elif mended := _mended(raw):
                return mended
            elif raw.strip():  # a blank line says nothing
                await self._answers.send(SessionMessage(_no_json(raw, item)))

    @property
    def last_context(self) -> object:
        """The context of the message, which the SDK looks for."""
        return getattr(self._inner, "last_context", None)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> _Received:
        """The next message that can be read."""
        try:
            return await self.receive()
        except EndOfStream as end:
            raise StopAsyncIteration from end

    async def __aenter__(self) -> Self:
        """The stream itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Close the stream."""
        await self.aclose()


def mend_surrogates(text: str) -> str:
    """JSON in which each half of a surrogate pair is a replacement character."""
    return _ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], text)


def _mended(raw: str) -> SessionMessage | None:
    if (mended := mend_surrogates(raw)) == raw:
        return None
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(mended, by_name=False))
    except ValidationError:
        return None


def _no_json(raw: str, error: ValidationError) -> JSONRPCError:
    """The error for a message that is no JSON, under its id if that can be seen."""
    if len(raw.encode("utf-8", "replace")) >= MAX_LINE:
        said = f"the message is longer than {MAX_LINE // 10**6} MB: send less at a time"
        return _error(_id_in(raw), INVALID_REQUEST, said)
    (problem,) = error.errors(include_url=False, include_input=False)
    return _error(_id_in(raw), PARSE_ERROR, f"the message cannot be read: {problem['msg']}")


def _misshapen(error: ValidationError) -> JSONRPCError:
    """The error for JSON that is no message, under its id if it has one."""
    said = (
        "not a JSON-RPC 2.0 request: send one object, not a list of them, with jsonrpc 2.0, an id, "
        "a method and, as params, an object"
    )
    return _error(_id_of(error), INVALID_REQUEST, said)


def _error(id_: _Id, code: int, message: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=id_, error=ErrorData(code=code, message=message))


def _raw(error: ValidationError) -> str | None:
    """The message's text, if it is not even JSON."""
    first = error.errors(include_url=False)[0]
    given: object = first["input"]
    if first["type"] != "json_invalid":
        return None
    return given if isinstance(given, str) else None


def _id_of(error: ValidationError) -> _Id:
    """The id of a message that is JSON: some of the problems are about the whole of it."""
    for problem in error.errors(include_url=False):
        given: object = problem["input"]
        if isinstance(given, dict) and "id" in given:
            id_: object = given["id"]  # pyright: ignore[reportUnknownVariableType]  # JSON
            if isinstance(id_, int | str) and not isinstance(id_, bool):
                return id_
    return None


def _id_in(text: str) -> _Id:
    """The id of a message that is no valid JSON, as far as one can see."""
    depth = 0
    parts = _parts(text)
    for part in parts:
        depth += (part in _OPEN) - (part in _CLOSE)
        if depth == 1 and part == '"id"' and next(parts, "") == ":":
            return _as_id(next(parts, ""))
    return None


def _parts(text: str) -> Iterator[str]:
    return (found[0] for found in _PART.finditer(text))


def _as_id(part: str) -> _Id:
    try:
        value: object = json.loads(part)
    except ValueError:
        return None
    return value if isinstance(value, int | str) else None
