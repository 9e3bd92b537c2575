"""Size and time limits for request bodies.

A body is read as a whole before anything sees it, so a client that disconnects halfway has sent
nothing. A body that is too large is refused at once if it declares its length, else at the first
byte too many.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.error_response import DRAIN_SECONDS, ErrorResponse

MEGABYTE = 2**20
BODY_SECONDS = 60.0
MAX_BODIES = 8  # of the largest size, held at once; of smaller ones there may be more


@dataclass(slots=True)
class _Reserved:
    """Memory that one request takes of what all requests share."""

    bytes: int = 0


class BodyLimit:
    """Reads bodies up to a size and within a time."""

    def __init__(
        self,
        app: ASGIApp,
        megabytes: int,
        *,
        timeout: float = BODY_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """Stand before an app.

        Args:
            app: Gets each request with its body complete.
            megabytes: Maximum size of one body.
            timeout: Seconds within which a body must be complete.
            drain_seconds: How long the rest of a refused body is read and dropped.
        """
        self._app = app
        self._megabytes = megabytes
        self._max_body = megabytes * MEGABYTE
        self._max_reserved = MAX_BODIES * self._max_body
        self._reserved = 0
        self._timeout = timeout
        self._drain_seconds = drain_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body read, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reserved = _Reserved()
        try:
            body = await self._body(scope, receive, reserved)
            if isinstance(body, bytes):
                await self._app(scope, _replayed(body, receive), send)
        finally:
            self._reserved -= reserved.bytes
        if isinstance(body, ErrorResponse):  # sent last: draining needs none of the memory
            await body(scope, receive, send)

    async def _body(
        self, scope: Scope, receive: Receive, reserved: _Reserved
    ) -> bytes | ErrorResponse | None:
        """The body, or the refusal; None if the client disconnected."""
        if _declared_length(scope) > self._max_body:
            return self._too_large()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._read(receive, reserved)
        except TimeoutError:
            text = f"the request body was incomplete after {self._timeout:.0f} seconds"
            return self._refusal(408, text)

    async def _read(self, receive: Receive, reserved: _Reserved) -> bytes | ErrorResponse | None:
        body = bytearray()
        while (message := await receive())["type"] == "http.request":
            part = message.get("body", b"")
            body += part
            reserved.bytes += len(part)
            self._reserved += len(part)
            if self._reserved > self._max_reserved:
                text = "the server is receiving too much data at once; try again in a moment"
                return self._refusal(503, text, retry_after=1)
            if len(body) > self._max_body:
                return self._too_large()
            if not message.get("more_body", False):
                return bytes(body)
        return None

    def _too_large(self) -> ErrorResponse:
        return self._refusal(
            413,
            f"the request is larger than the {self._megabytes} MB that this server accepts: submit "
            "fewer attempts at once (a group grows by calls with its group_id), or start the "
            "server with a larger --max-body",
        )

    def _refusal(self, status: int, text: str, retry_after: float | None = None) -> ErrorResponse:
        return ErrorResponse(
            status, text, retry_after=retry_after, drain_seconds=self._drain_seconds
        )


def _declared_length(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
