"""A connection that does not wait forever.

uvicorn bounds the pause between two requests, but not a client that begins a request and never
ends its headers, nor one that asks and then stops reading the answer. Both hold a place, the
second the memory of its answer too, so both are cut off. There are so many places; whoever comes
when all are taken is told so.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from server.http.limits import linger
from server.http.refusal import refusal

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 1_000
HEADERS_SECONDS = 20.0
READING_SECONDS = 30.0


class Connection(H11Protocol):
    """One connection, with time-outs."""

    _headers_due: asyncio.TimerHandle | None = None
    _reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._headers_due = _cancelled(self._headers_due)
        self._reading_due = _cancelled(self._reading_due)

    def data_received(self, data: bytes) -> None:
        """Take what came; between requests, the next one's headers are due now."""
        super().data_received(data)
        if self._cycle_open() is not None:
            self._headers_due = _cancelled(self._headers_due)
        elif self._headers_due is None:
            self._await_headers()

    def handle_events(self) -> None:
        """Lead a request to the app, or to what says that there are too many."""
        self.app = self.config.loaded_app  # pyright: ignore[reportUnknownMemberType]  # uvicorn leaves its type open
        if len(self.connections) > MAX_CONNECTIONS:
            self.app = _full
        super().handle_events()

    def shutdown(self) -> None:
        """End in order: a request that is not here as a whole was not begun, so it is dropped."""
        cycle = self._cycle_open()
        if cycle is not None and cycle.more_body:
            self.transport.abort()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._reading_due = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        self._reading_due = _cancelled(self._reading_due)

    def _cycle_open(self) -> RequestResponseCycle | None:
        """The request that is being received or answered."""
        cycle: RequestResponseCycle | None = self.cycle
        # uvicorn's annotation forgets that there is none before the first request
        if cycle is None or cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            return None
        return cycle

    def _await_headers(self) -> None:
        self._headers_due = self.loop.call_later(HEADERS_SECONDS, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    logger.warning("all %d connections are taken", MAX_CONNECTIONS)
    text = f"all {MAX_CONNECTIONS:,} connections of this server are taken: try again in a moment"
    answer = refusal(503, text, close=True, headers={"retry-after": "1"})
    await linger(answer, scope, receive, send)
