"""What is known of one request, gathered on its way through.

The layers outside MCP see a path and a status, those inside see a method and a tool. They meet in
an `Exchange`, which travels with the request's scope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, TypeAlias, cast

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from opentelemetry.trace import get_current_span
from starlette.requests import Request
from starlette.types import Scope

from server import access

Outcome: TypeAlias = Literal["ok", "error", "failed", "cancelled"]

logger = logging.getLogger(__name__)

KEY = "experience_mcp.exchange"
REQUEST_ID_ATTRIBUTE = "experience_mcp.request_id"
MAX_NAME = 100  # characters of a client's word that are logged


@dataclass(slots=True)
class Exchange:
    """One request.

    Attributes:
        tool: The tool that is called, if it is one that there is.
        outcome: Of the MCP request: `error` is a tool's own answer, `failed` the protocol's.
        who: Who signed in.
        lacking: A scope that the caller lacks for it and can ask its authorization server for.
    """

    id: str
    method: str | None = None
    tool: str | None = None
    outcome: Outcome | None = None
    who: str | None = None
    lacking: access.Scope | None = None


def exchange_of(scope: Scope) -> Exchange | None:
    """The exchange that a request's scope carries."""
    return scope.get(KEY)


class Observer:
    """Middleware of the MCP server that notes what was called and what came of it."""

    def __init__(
        self, tools: frozenset[str], called: Callable[[str, Outcome, float], None]
    ) -> None:
        """Note into the exchange of each request.

        Args:
            tools: Their names; others are not told apart.
            called: Told of every call of a tool, with its seconds.
        """
        self._tools = tools
        self._called = called

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Pass a message on and note it."""
        request: object = ctx.request
        exchange = exchange_of(request.scope) if isinstance(request, Request) else None
        exchange = exchange or Exchange("")
        get_current_span().set_attribute(REQUEST_ID_ATTRIBUTE, exchange.id)  # if spans are taken
        exchange.method = ctx.method[:MAX_NAME]
        name = (ctx.params or {}).get("name") if ctx.method == "tools/call" else None
        if ctx.method == "tools/call":
            known = isinstance(name, str) and name in self._tools
            exchange.tool = name if known else "unknown"
        logger.debug("begun", extra={"request_id": exchange.id, "method": exchange.method})
        begun = perf_counter()
        exchange.outcome = "failed"
        try:
            result = await call_next(ctx)
            exchange.outcome = "error" if _is_error(result) else "ok"
        except asyncio.CancelledError:
            exchange.outcome = "cancelled"
            raise
        finally:
            if exchange.tool is not None:
                self._called(exchange.tool, exchange.outcome, perf_counter() - begun)
        return result


def _is_error(result: HandlerResult) -> bool:
    return isinstance(result, dict) and bool(cast("dict[str, object]", result).get("isError"))
