"""Each request gets an id, a line in the log and a place in the metrics.

The layers outside MCP see a path and a status, those inside a method and a tool. They share a
`RequestInfo`, which travels with the request's scope: `RequestLog` makes it and logs it,
`CallObserver` fills in what was called. Bodies, headers, queries and unknown paths are not logged.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any, cast

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from opentelemetry.trace import get_current_span
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import access
from server.http.monitoring import Metrics, Outcome

logger = logging.getLogger(__name__)

REQUEST_INFO = "experience_mcp.request_info"
REQUEST_ID = "x-request-id"
REQUEST_ID_ATTRIBUTE = "experience_mcp.request_id"  # of spans
CLIENT_DISCONNECTED = 499  # nginx's status for a client that left before the response
MAX_METHOD = 100  # characters of a method's name that are logged
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_POLLED = frozenset({"/health", "/ready", "/metrics"})
PATHS = _POLLED | {"/mcp"}


@dataclass(slots=True)
class RequestInfo:
    """What is known of one request.

    Attributes:
        method: MCP method.
        tool: The tool that is called; "unknown" if there is no such tool.
        outcome: How the MCP request ended: `error` is reported by a tool, `failed` by the protocol.
        who: The caller that signed in.
        missing_scope: A scope that the caller lacks and can request from its authorization server.
    """

    id: str
    method: str | None = None
    tool: str | None = None
    outcome: Outcome | None = None
    who: str | None = None
    missing_scope: access.Scope | None = None


def info_of(scope: Scope) -> RequestInfo | None:
    """The info of a request."""
    return scope.get(REQUEST_INFO)


class RequestLog:
    """The outermost layer of the app: records, logs and counts each request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and record its outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        info = RequestInfo(_request_id(scope))
        scope[REQUEST_INFO] = info
        status = CLIENT_DISCONNECTED

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = info.id
            await send(message)

        started = perf_counter()
        try:
            await self._app(scope, receive, observed)
        except BaseException:
            status = 500 if status == CLIENT_DISCONNECTED else status
            raise
        finally:
            self._log(scope, info, status, perf_counter() - started)

    def _log(self, scope: Scope, info: RequestInfo, status: int, seconds: float) -> None:
        path = scope["path"] if scope["path"] in PATHS else "other"
        self._metrics.count_request(path, status)
        quiet = path in _POLLED and status == HTTPStatus.OK
        logger.log(
            logging.DEBUG if quiet else logging.INFO,
            "request",
            extra={
                "request_id": info.id,
                "path": path,
                "who": info.who,
                "method": info.method,
                "tool": info.tool,
                "outcome": info.outcome,
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
            },
        )


class CallObserver:
    """MCP middleware that records what was called and how that ended."""

    def __init__(self, tools: frozenset[str], metrics: Metrics) -> None:
        """Fill in the info of each request.

        Args:
            tools: Names of the tools; any other is recorded as "unknown".
            metrics: Counts and times the calls of tools.
        """
        self._tools = tools
        self._metrics = metrics

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Pass a message on and record it."""
        request: object = ctx.request
        info = info_of(request.scope) if isinstance(request, Request) else None
        info = info or RequestInfo("")
        get_current_span().set_attribute(REQUEST_ID_ATTRIBUTE, info.id)
        info.method = ctx.method[:MAX_METHOD]
        if ctx.method == "tools/call":
            name = (ctx.params or {}).get("name")
            known = isinstance(name, str) and name in self._tools
            info.tool = name if known else "unknown"
        logger.debug("started", extra={"request_id": info.id, "method": info.method})
        started = perf_counter()
        info.outcome = "failed"
        try:
            result = await call_next(ctx)
            info.outcome = "error" if _is_error(result) else "ok"
        except asyncio.CancelledError:
            info.outcome = "cancelled"
            raise
        finally:
            if info.tool is not None:
                self._metrics.count_call(info.tool, info.outcome, perf_counter() - started)
        return result


def _is_error(result: HandlerResult) -> bool:
    return isinstance(result, dict) and bool(cast("dict[str, object]", result).get("isError"))


def _request_id(scope: Scope) -> str:
    """The client's own id if it is safe to log, else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _VALID_ID.fullmatch(given) else secrets.token_hex(8)
