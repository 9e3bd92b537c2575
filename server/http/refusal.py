"""How a request is refused before it reaches MCP.

As a JSON-RPC error, because that is the form in which clients pass a text on to whoever can act
on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_types import INVALID_REQUEST, ErrorData, JSONRPCError
from starlette.responses import Response


def refusal(
    status: int, text: str, *, close: bool = False, headers: Mapping[str, str] | None = None
) -> Response:
    """The response that says why.

    Args:
        status: Of HTTP.
        text: What is wrong and what helps.
        close: Whether the connection ends with it.
        headers: Of the response, besides.
    """
    error = JSONRPCError(
        jsonrpc="2.0", id=None, error=ErrorData(code=INVALID_REQUEST, message=text)
    )
    return Response(
        error.model_dump_json(by_alias=True, exclude_unset=True),
        status_code=status,
        media_type="application/json",
        headers={**(headers or {}), **({"connection": "close"} if close else {})},
    )
