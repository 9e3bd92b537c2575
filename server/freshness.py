"""How long clients of 2026-07-28 may keep what they got, and for whom.

What the server is made of stays for as long as it runs. A version of a library never changes. All
the rest may change at any time, also by a call of the client itself, so it is old at once; who
wants to know when it changes listens. What libraries hold is for whoever asked, never for a cache
that others share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

FIVE_MINUTES = 300_000  # milliseconds: so long a client may not notice that the server was upgraded
HOUR = 3_600_000  # so long a client may hold a version of a library that was deleted meanwhile

CACHE_HINTS: Mapping[CacheableMethod, CacheHint] = {
    "tools/list": CacheHint(FIVE_MINUTES, "private"),
    "prompts/list": CacheHint(FIVE_MINUTES, "private"),
    "resources/templates/list": CacheHint(FIVE_MINUTES, "private"),
    "server/discover": CacheHint(FIVE_MINUTES, "private"),
    "resources/list": CacheHint(0, "private"),
    "resources/read": CacheHint(0, "private"),
}
_VERSION = re.compile(r"experience://[^/]+/versions/[0-9]+")


async def lasting_versions(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """Middleware of the server: a version of a library may be kept for longer."""
    result = await call_next(ctx)
    if ctx.method == "resources/read" and isinstance(result, dict) and "ttlMs" in result:
        uri = (ctx.params or {}).get("uri")
        if isinstance(uri, str) and _VERSION.fullmatch(uri):
            return {**result, "ttlMs": HOUR}
    return result
