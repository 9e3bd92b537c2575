"""Errors of the libraries below, in words that say how to mend the request.

Starlette answers an unknown path with "Not Found", and the SDK a body that is no message with the
report of its validator. Those are replaced by JSON-RPC errors, whose message clients show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.error_response import error_body

_EXPLAINED = frozenset({400, 404, 405, 406})
_NOT_FOUND = (
    "nothing is served at this path: MCP is at POST /mcp; /health, /ready and /metrics are for "
    "operators"
)
_NOT_ALLOWED = "this path takes {} only"
_NO_SESSIONS = "; the server keeps no sessions, so there is nothing to GET or DELETE"
_NOT_ACCEPTABLE = "send the header 'Accept: application/json, text/event-stream'"
_NOT_JSON = "the body must be JSON: send the header 'Content-Type: application/json'"
_NO_MESSAGE = (
    'the body must be one JSON-RPC message, such as {"jsonrpc": "2.0", "id": 1, "method": '
    '"tools/list"}; a list of several is not accepted'
)


class ExplainedErrors:
    """Replaces error responses that do not say what to do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        await self._app(scope, receive, _Explaining(send) if scope["type"] == "http" else send)


class _Explaining:
    """Sends a response; one that may be replaced is held back until its body is known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _EXPLAINED:
            self._start = message
            return
        start = self._start
        if start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            self._start = None
            body = self._replaced(start)
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _replaced(self, start: Message) -> bytes:
        """The body to send; status and headers are changed to match it."""
        found = _explanation(start["status"], Headers(raw=start["headers"]), self._body)
        if found is None:
            return self._body
        start["status"], text = found
        body = error_body(text)
        headers = MutableHeaders(raw=start["headers"])
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        start["headers"] = headers.raw
        return body


def _explanation(
    status: int, headers: Mapping[str, str], body: bytes
) -> tuple[HTTPStatus, str] | None:
    """Status and text of a better response; None if this one is good enough."""
    if status == HTTPStatus.NOT_ACCEPTABLE:
        return HTTPStatus.NOT_ACCEPTABLE, _NOT_ACCEPTABLE
    if headers.get("content-type", "").startswith("application/json"):
        is_report = _message(body).startswith("Validation error:")
        return (HTTPStatus.BAD_REQUEST, _NO_MESSAGE) if is_report else None
    if status == HTTPStatus.NOT_FOUND:
        return HTTPStatus.NOT_FOUND, _NOT_FOUND
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get("allow", "")
        text = _NOT_ALLOWED.format(allowed) + (_NO_SESSIONS if allowed == "POST" else "")
        return HTTPStatus.METHOD_NOT_ALLOWED, text
    if body == b"Invalid Content-Type header":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _NOT_JSON
    return None


def _message(body: bytes) -> str:
    """The message of a JSON-RPC error."""
    error = json.loads(body).get("error", {})
    return str(error.get("message", ""))
