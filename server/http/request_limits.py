"""Limits of a request's body, and of a caller: requests per minute and open streams.

A body is read as a whole before anything sees it, so a client that disconnects halfway has sent
nothing. Half an emoji in it is mended, as over stdio. A body that is too large is refused at once
if it declares its length, else at the first byte too many. Each process counts callers for itself.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.error_response import DRAIN_SECONDS, ErrorResponse
from server.mcp.unreadable import mend_surrogates

MEGABYTE = 2**20
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
BODY_SECONDS = 60.0
MAX_BODIES = 8  # of the largest size, held at once; of smaller ones there may be more
MAX_BUCKETS = 10_000
MINUTE = 60.0
MAX_STREAMS = 500
MAX_STREAMS_PER_CALLER = 20


@dataclass(slots=True)
class _Reserved:
    """Bytes that one request holds of the memory shared by all."""

    bytes: int = 0


class BodyLimit:
    """Reads request bodies, up to a size and within a time."""

    def __init__(
        self,
        app: ASGIApp,
        megabytes: int,
        *,
        timeout: float = BODY_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """Wrap an app.

        Args:
            app: Gets each request with its complete body.
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
                await self._app(scope, _replayed(_mended(body), receive), send)
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
            text = (
                f"the request body was incomplete after {self._timeout:.0f} seconds: send it "
                "again, or in smaller parts"
            )
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


def _mended(body: bytes) -> bytes:
    """The body with a replacement character for each half of an emoji, of the same length."""
    if not _SURROGATE.search(body):
        return body
    text = body.decode("utf-8", "surrogateescape")
    return mend_surrogates(text).encode("utf-8", "surrogateescape")


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


class RateLimiter:
    """A token bucket for each key; the least recently used ones are forgotten."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        """Allow a rate, and bursts of up to a minute's worth.

        Args:
            per_minute: Maximum requests per minute; 0 disables the limit.
            clock: The time in seconds.
        """
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take one token from the key's bucket; if it is empty, the seconds until there is one."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        level, since = self._buckets.pop(key, (float(self._per_minute), now))
        level = min(self._per_minute, level + (now - since) * self._per_minute / MINUTE)
        allowed = level >= 1.0
        self._buckets[key] = (level - allowed, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - level) * MINUTE / self._per_minute


class StreamLimit:
    """Bounds the streams (`subscriptions/listen`) of each caller and of all together.

    A stream holds its connection for as long as its client likes, so there must always be
    connections left for calls.
    """

    def __init__(
        self,
        app: ASGIApp,
        caller_key: Callable[[Scope], str | None],
        limit: int = MAX_STREAMS,
        limit_per_caller: int = MAX_STREAMS_PER_CALLER,
    ) -> None:
        """Wrap an app.

        Args:
            app: Opens the streams.
            caller_key: The key of a request's caller; None without sign-in.
            limit: Maximum open streams.
            limit_per_caller: Maximum open streams of one caller.
        """
        self._app = app
        self._caller_key = caller_key
        self._limit = limit
        self._limit_per_caller = limit_per_caller
        self._open: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or not _opens_stream(scope):
            await self._app(scope, receive, send)
            return
        key = self._caller_key(scope)
        if refusal := self._refusal(key):
            await refusal(scope, receive, send)
            return
        self._open[key] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[key] -= 1
            self._open += Counter()  # drops the keys that are at zero

    def _refusal(self, key: str | None) -> ErrorResponse | None:
        if key is not None and self._open[key] >= self._limit_per_caller:
            text = (
                f"this caller already has {self._limit_per_caller} streams open: end one first, or "
                "subscribe to several things on one stream"
            )
            return ErrorResponse(429, text, retry_after=5)
        if self._open.total() >= self._limit:
            text = f"{self._limit} streams are open already: poll for what you need instead"
            return ErrorResponse(503, text, retry_after=5)
        return None


def _opens_stream(scope: Scope) -> bool:
    """Whether it asks for a stream; the SDK refuses a body that contradicts this header."""
    return "subscriptions/listen" in Headers(scope=scope).getlist("mcp-method")
