"""How many streams may be open at once.

A stream (`subscriptions/listen`) holds a connection for as long as its client likes, and its caller
is asked for nothing while it does. So that there are always connections for calls, a caller may
have a few streams, and all together a part of the connections.
"""

from __future__ import annotations

from collections import Counter

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.caller import caller_of
from server.http.limits import linger
from server.http.refusal import refusal

MAX_OF_CALLER = 20
MAX_TOGETHER = 500


class Listeners:
    """Passes on what begins a stream as long as there are few."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or not _listens(scope):
            await self._app(scope, receive, send)
            return
        caller = caller_of(scope)
        key = caller.key if caller else None
        if wrong := self._wrong(key):
            status, text = wrong
            answer = refusal(status, text, close=True, headers={"retry-after": "5"})
            await linger(answer, scope, receive, send)
            return
        self._open[key] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[key] -= 1
            self._open += Counter()  # forgets those who have none

    def _wrong(self, key: str | None) -> tuple[int, str] | None:
        if key is not None and self._open[key] >= MAX_OF_CALLER:
            return 429, (
                f"{MAX_OF_CALLER} streams of this caller are open already: end one first, or "
                "listen to several things by one"
            )
        if self._open.total() >= MAX_TOGETHER:
            return 503, f"{MAX_TOGETHER} streams are open already: ask again for what you need"
        return None


def _listens(scope: Scope) -> bool:
    """Whether it asks for a stream; the SDK refuses bodies that say other than this header."""
    return "subscriptions/listen" in Headers(scope=scope).getlist("mcp-method")
