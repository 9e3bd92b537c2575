"""How much a client may send, and how long it may take.

A body is read as a whole before anything sees it: a client that goes away in the middle has sent
nothing. One that is too large is refused at its first byte if it says its length, else at the byte
that is one too many, and the connection ends.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.refusal import refusal

BODY_SECONDS = 60.0
LINGER_SECONDS = 2.0
MEGABYTE = 2**20
MAX_BODIES = 8  # of the largest size, held at once; smaller ones may be more
LINGER_BYTES = 64 * MEGABYTE


class _TooLargeError(Exception):
    """More came than is taken."""


class _BusyError(Exception):
    """More is being held of all requests together than is taken."""


@dataclass(slots=True)
class _Held:
    """What one request takes of the room that all have together."""

    bytes: int = 0


class BodyLimit:
    """Reads bodies up to a size and within a time."""

    def __init__(self, app: ASGIApp, megabytes: int, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._limit = megabytes * MEGABYTE
        self._seconds = seconds
        self._room = MAX_BODIES * self._limit
        self._held = 0
        self._text = (
            f"the request is larger than the {megabytes} MB that this server takes: submit fewer "
            "attempts at once (a group grows by calls with its group_id), or start the server "
            "with a larger --max-body"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body read, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = _Held()
        try:
            body = await self._body(scope, receive, held)
            if isinstance(body, bytes):
                await self._app(scope, _replayed(body, receive), send)
        finally:
            self._held -= held.bytes
        if isinstance(body, Response):  # what had come is let go by now: to linger takes a while
            await linger(body, scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive, held: _Held) -> bytes | Response | None:
        """The body, or why it is refused; None if the client went away before its end."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(receive, _declared(scope), held)
        except _TooLargeError:
            return refusal(413, self._text, close=True)
        except _BusyError:
            text = "too much is being sent to this server at once; try again in a moment"
            return refusal(503, text, close=True, headers={"retry-after": "1"})
        except TimeoutError:
            text = f"the request was not complete after {self._seconds:.0f} seconds"
            return refusal(408, text, close=True)

    async def _read(self, receive: Receive, declared: int, held: _Held) -> bytes | None:
        """The body; None if the client went away before its end."""
        if declared > self._limit:
            raise _TooLargeError
        body = bytearray()
        while (message := await receive())["type"] == "http.request":
            part = message.get("body", b"")
            body += part
            held.bytes += len(part)
            self._held += len(part)
            if self._held > self._room:
                raise _BusyError
            if len(body) > self._limit:
                raise _TooLargeError
            if not message.get("more_body", False):
                return bytes(body)
        return None


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def linger(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and drop a part of what still comes before the connection ends.

    A connection that is closed while its client is sending is reset, and most clients then never
    see the answer. One that goes on for too long is cut off nevertheless.
    """

    async def held_open(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        await send(message)

    await response(scope, receive, held_open)
    if "expect" not in Headers(scope=scope):  # else nothing comes before it is asked for
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await _drop(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(receive: Receive) -> None:
    dropped = 0
    while dropped < LINGER_BYTES:
        message = await receive()
        if not message.get("more_body", False):
            return
        dropped += len(message.get("body", b""))
