"""Middleware of the MCP server: input length limits, and how long clients may cache results.

Limits come first: looking up, matching or suggesting a name takes longer the longer the name is,
and blocks other requests meanwhile.

Cache hints are for clients of 2026-07-28. Tools and prompts stay the same while the server runs. A
version of a library never changes. Everything else may change at any time, also through the
client's own calls, so it is stale at once; clients that need to know subscribe. Results are
private: they depend on the caller's access.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from experience_store.submissions.clean_text import clean
from experience_store.submissions.read_submission import LONE_SURROGATE

MAX_LIBRARY = 64  # characters; as libraries are named
_LONGEST = {"uri": 2_000, "cursor": 1_000, "name": 200}  # characters, by parameter
_NAMED = frozenset({"tools/call", "prompts/get"})


async def limit_lengths(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware: refuse names, URIs and cursors that are too long to be valid."""
    params: Mapping[str, object] = ctx.params or {}
    if ctx.request_id is not None and (wrong := _problem(ctx.method, params)):
        raise MCPError(INVALID_PARAMS, wrong)
    return await call_next(ctx)


def problem_with_library(name: object) -> str | None:
    """The error for a name that no library can have, if it is not worth comparing."""
    if isinstance(name, str) and clean(name) != name:
        return f"library {LONE_SURROGATE}"
    if isinstance(name, str) and len(name) > MAX_LIBRARY:
        return (
            f"{name[:MAX_LIBRARY]!r}… is not a library name: it has {len(name)} characters, "
            f"at most {MAX_LIBRARY} are allowed"
        )
    return None


def _problem(method: str, params: Mapping[str, object]) -> str | None:
    for key, longest in _LONGEST.items():
        value = params.get(key)
        if isinstance(value, str) and len(value) > longest:
            return f"{key} has {len(value)} characters; at most {longest} are allowed"
    if method in _NAMED and not isinstance(params.get("name"), str):
        return "name must be a string"
    if method == "prompts/get" and isinstance(params.get("arguments"), dict):
        return problem_with_library(cast("dict[str, object]", params["arguments"]).get("library"))
    return None


FIVE_MINUTES = 300_000  # milliseconds in which a client may not notice an upgrade of the server
HOUR = 3_600_000  # in which a client may keep a version of a deleted library

CACHE_HINTS: Mapping[CacheableMethod, CacheHint] = {
    "tools/list": CacheHint(FIVE_MINUTES, "private"),
    "prompts/list": CacheHint(FIVE_MINUTES, "private"),
    "resources/templates/list": CacheHint(FIVE_MINUTES, "private"),
    "server/discover": CacheHint(FIVE_MINUTES, "private"),
    "resources/list": CacheHint(0, "private"),
    "resources/read": CacheHint(0, "private"),
}
_VERSION = re.compile(r"experience://[^/]+/versions/[0-9]+")


async def cache_versions(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware: clients may cache a version of a library for longer."""
    result = await call_next(ctx)
    if ctx.method == "resources/read" and isinstance(result, dict) and "ttlMs" in result:
        uri = (ctx.params or {}).get("uri")
        if isinstance(uri, str) and _VERSION.fullmatch(uri):
            return {**result, "ttlMs": HOUR}
    return result
