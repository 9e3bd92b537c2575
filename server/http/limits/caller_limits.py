"""How much one caller may take: requests per minute, and open streams.

Each process counts for itself.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.error_response import ErrorResponse

MAX_BUCKETS = 10_000
MINUTE = 60.0
MAX_STREAMS = 500
MAX_STREAMS_PER_CALLER = 20


class RateLimiter:
    """A token bucket for each key; the least recently used ones are forgotten."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        """Allow a rate, and bursts of up to a minute's worth.

        Args:
            per_minute: Requests per minute; 0 for no limit.
            clock: Tells the time in seconds.
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
        """Stand before an app.

        Args:
            app: Opens the streams.
            caller_key: Tells callers apart; None without sign-in.
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
