"""Liveness, readiness and metrics, for those who operate the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from experience_store.store import Store
from server.http.metrics import CONTENT_TYPE, Metrics

logger = logging.getLogger(__name__)

STORE_SECONDS = 5.0
T = TypeVar("T")


def health_routes(store: Callable[[], Store], metrics: Metrics) -> list[Route]:
    """`/health`, `/ready` and `/metrics`.

    Args:
        store: Gives the open store.
        metrics: Shown at `/metrics`.
    """

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        names, problem = await _read(lambda: store().libraries.names("", 1))
        if names is None:
            return JSONResponse({"status": "not ready", "reason": problem}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def show_metrics(_request: Request) -> Response:
        totals, _ = await _read(lambda: store().totals())
        return Response(metrics.render(totals), media_type=CONTENT_TYPE)

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", show_metrics)]


async def _read(query: Callable[[], Awaitable[T]]) -> tuple[T | None, str]:
    """The answer of the store, or why there is none, in words that anybody may see."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            return await query(), ""
    except TimeoutError:
        return None, f"the store did not answer within {STORE_SECONDS:.0f} seconds"
    except Exception as error:  # whatever it is, the server is not ready and says so
        logger.exception("the store cannot be read")
        return None, f"the store cannot be read ({type(error).__name__}); see the server's log"
