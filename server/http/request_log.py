"""Each request gets an id, a line in the log and a place in the numbers.

The line says what was asked for and what came of it. Bodies, headers and queries never stand in
it, nor paths that a client made up.
"""

from __future__ import annotations

import logging
import re
import secrets
from http import HTTPStatus
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.exchange import KEY, Exchange
from server.http.metrics import Metrics

logger = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
GONE = 499  # what a client is noted with that left before there was an answer
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/health", "/ready", "/metrics"})  # asked for every few seconds
PATHS = _QUIET | {"/mcp"}


class RequestLog:
    """Stands around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(_request_id(scope))
        scope[KEY] = exchange
        status = GONE

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = exchange.id
            await send(message)

        begun = perf_counter()
        try:
            await self._app(scope, receive, noted)
        except BaseException:
            status = 500 if status == GONE else status
            raise
        finally:
            self._note(scope, exchange, status, perf_counter() - begun)

    def _note(self, scope: Scope, exchange: Exchange, status: int, seconds: float) -> None:
        path = scope["path"] if scope["path"] in PATHS else "other"
        self._metrics.answered(path, status)
        fine = path in _QUIET and status == HTTPStatus.OK
        logger.log(
            logging.DEBUG if fine else logging.INFO,
            "request",
            extra={
                "request_id": exchange.id,
                "path": path,
                "who": exchange.who,
                "method": exchange.method,
                "tool": exchange.tool,
                "outcome": exchange.outcome,
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
            },
        )


def _request_id(scope: Scope) -> str:
    """The client's own id if it is fit for a log, else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SANE.fullmatch(given) else secrets.token_hex(8)
