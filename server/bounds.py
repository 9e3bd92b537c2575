"""How long may be what a client names, checked before anything is done with it.

Names and addresses that there are, are short. What is looked for by them, matched or suggested,
takes longer the longer they are, and meanwhile nobody else is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

MAX_LIBRARY = 64  # characters; as libraries are named
_LONGEST = {"uri": 2_000, "cursor": 1_000, "name": 200}  # characters, by parameter
_NAMED = frozenset({"tools/call", "prompts/get"})


async def bounded(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware of the server: refuses what is too long to be the name of anything."""
    params: Mapping[str, object] = ctx.params or {}
    if ctx.request_id is not None and (wrong := _problem(ctx.method, params)):
        raise MCPError(INVALID_PARAMS, wrong)
    return await call_next(ctx)


def problem_with_library(name: object) -> str | None:
    """What is said of a name that is too long to be a library's."""
    if isinstance(name, str) and len(name) > MAX_LIBRARY:
        return (
            f"{name[:MAX_LIBRARY]!r}… is no library name: it has {len(name)} characters, and "
            f"names have at most {MAX_LIBRARY}"
        )
    return None


def _problem(method: str, params: Mapping[str, object]) -> str | None:
    for key, longest in _LONGEST.items():
        value = params.get(key)
        if isinstance(value, str) and len(value) > longest:
            return f"{key} has {len(value)} characters; at most {longest}"
    if method in _NAMED and not isinstance(params.get("name"), str):
        return "name must be text"
    if method == "prompts/get" and isinstance(params.get("arguments"), dict):
        return problem_with_library(cast("dict[str, object]", params["arguments"]).get("library"))
    return None
