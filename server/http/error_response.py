"""The response to a request that is refused before it reaches MCP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress

from mcp_types import INVALID_REQUEST, ErrorData, JSONRPCError
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

DRAIN_SECONDS = 2.0
DRAIN_BYTES = 64 * 2**20


def error_body(message: str) -> bytes:
    """A JSON-RPC error, which says nothing of a request."""
    error = ErrorData(code=INVALID_REQUEST, message=message)
    body = JSONRPCError(jsonrpc="2.0", id=None, error=error)
    return body.model_dump_json(by_alias=True, exclude_unset=True).encode()


class ErrorResponse(Response):
    """An HTTP error with a JSON-RPC error as its body: clients show the message of that.

    The connection is closed, but only after the client has had time to stop sending: closed
    earlier, it would be reset, and most clients would never see the response. A client that keeps
    sending is cut off.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """Make the response.

        Args:
            status: HTTP status code.
            message: What is wrong and what to do.
            headers: Additional headers.
            retry_after: Seconds after which the same request may succeed.
            drain_seconds: How long the rest of the request is read and dropped.
        """
        wait = {} if retry_after is None else {"retry-after": str(max(1, math.ceil(retry_after)))}
        super().__init__(
            error_body(message),
            status_code=status,
            media_type="application/json",
            headers={**(headers or {}), **wait, "connection": "close"},
        )
        self._drain_seconds = drain_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, drain the request, end the response."""

        async def unfinished(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "more_body": True}
            await send(message)

        await super().__call__(scope, receive, unfinished)
        if "expect" not in Headers(scope=scope):  # such a client sends nothing before it is asked
            with suppress(TimeoutError):
                async with asyncio.timeout(self._drain_seconds):
                    await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    dropped = 0
    while dropped < DRAIN_BYTES:
        message = await receive()
        if not message.get("more_body", False):
            return
        dropped += len(message.get("body", b""))
