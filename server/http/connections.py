"""How many connections there are, and how long one may stall.

uvicorn (0.54) bounds the pause between two requests, but nothing bounds a client that connects and
sends no request, that sends its headers forever (slowloris), or that stops reading its response.
Each holds its slot: with `limit_concurrency`, that many such clients lock everybody else out.
No ASGI app can help: it is not called before the headers are complete, and after it has ended the
unread response stays in the transport's buffer, which only `abort` drops. Hence a subclass of
uvicorn's protocol, as small as can be; `test_connections.py` has the attacks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from server.http.error_response import ErrorResponse

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 1_000


class TimeoutProtocol(H11Protocol):
    """uvicorn's HTTP protocol with timeouts for headers and for reading responses.

    Attributes:
        headers_timeout: Seconds until a request's headers must be complete.
        write_timeout: Seconds for which a client may not read what is sent to it.
    """

    headers_timeout = 20.0
    write_timeout = 30.0
    _headers_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_headers_timer()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._headers_timer = _cancelled(self._headers_timer)
        self._write_timer = _cancelled(self._write_timer)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._open_cycle() is not None:
            self._headers_timer = _cancelled(self._headers_timer)
        elif self._headers_timer is None:  # the next request on a connection that was kept alive
            self._start_headers_timer()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.write_timeout, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_timer = _cancelled(self._write_timer)

    @override
    def shutdown(self) -> None:
        cycle = self._open_cycle()
        if cycle is not None and cycle.more_body:  # incomplete, so nothing was begun
            self.transport.abort()
        else:
            super().shutdown()

    def _start_headers_timer(self) -> None:
        self._headers_timer = self.loop.call_later(self.headers_timeout, self.transport.abort)

    def _open_cycle(self) -> RequestResponseCycle | None:
        """The request that is being received or answered."""
        cycle: RequestResponseCycle | None = self.cycle
        # uvicorn's annotation forgets that there is none before the first request
        if cycle is None or cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            return None
        return cycle


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class ConnectionLimit:
    """Refuses requests while too many connections are open.

    uvicorn's `limit_concurrency` does so in plain text, which clients do not show.
    """

    def __init__(
        self, app: ASGIApp, open_connections: Callable[[], int], limit: int = MAX_CONNECTIONS
    ) -> None:
        self._app = app
        self._open_connections = open_connections
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or self._open_connections() <= self._limit:
            await self._app(scope, receive, send)
            return
        logger.warning("all %d connections are in use", self._limit)
        text = f"all {self._limit:,} connections of this server are in use: try again in a moment"
        await ErrorResponse(503, text, retry_after=1)(scope, receive, send)
