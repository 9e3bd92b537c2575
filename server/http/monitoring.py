"""Health, readiness and Prometheus metrics, for those who operate the server.

Counters cover this process. Gauges are read from the store: they cover all processes on one
database, background learning included, and survive a restart. No label holds a client's input, and
none names a library, as there may be any number of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, TypeVar, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from experience_store.store import Store, StoreTotals, Trouble
from experience_store.store.workers import HIDDEN
from experience_store.version import UpdateStatus
from server.app import App

logger = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["ok", "error", "failed", "cancelled"]
T = TypeVar("T")

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "experience_mcp"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATUSES = get_args(UpdateStatus)
_STORED = {
    "libraries": "Libraries",
    "experiences": "Experiences in the current versions",
    "groups": "Groups of attempts stored",
    "attempts": "Attempts stored",
    "waiting": "Groups waiting to be learned from",
    "retrievals": "Retrievals recorded",
}
STORE_SECONDS = 5.0


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            f"{_PREFIX}_http_requests", "HTTP requests", ("path", "status"), registry=registry
        )
        self._calls = Counter(
            f"{_PREFIX}_tool_calls", "Tool calls", ("tool", "outcome"), registry=registry
        )
        self._seconds = Histogram(
            f"{_PREFIX}_tool_seconds",
            "Duration of tool calls",
            ("tool",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._stored = {
            name: Gauge(f"{_PREFIX}_store_{name}", text, registry=registry)
            for name, text in _STORED.items()
        }
        self._updates = Gauge(
            f"{_PREFIX}_store_updates", "Updates by status", ("status",), registry=registry
        )
        self._paused = Gauge(
            f"{_PREFIX}_learning_paused",
            "Whether background learning stands still (1) or not (0)",
            registry=registry,
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def count_request(self, path: str, status: int) -> None:
        """Count an HTTP request."""
        self._requests.labels(path, str(status)).inc()

    def count_call(self, tool: str, outcome: Outcome, seconds: float) -> None:
        """Count and time a tool call."""
        self._calls.labels(tool, outcome).inc()
        self._seconds.labels(tool).observe(seconds)

    def render(self, totals: StoreTotals | None, *, paused: bool) -> bytes:
        """All metrics in Prometheus' text format.

        Args:
            totals: What the store holds; None if it cannot be read, which shows as NaN.
            paused: Whether background learning stands still.
        """
        for name, gauge in self._stored.items():
            gauge.set(getattr(totals, name) if totals else float("nan"))
        self._paused.set(paused)
        for status in _STATUSES:
            stored = totals.updates.get(status, 0) if totals else float("nan")
            self._updates.labels(status).set(stored)
        return generate_latest(self._registry)


def health_routes(app: Callable[[], App], metrics: Metrics, *, public: bool) -> list[Route]:
    """The routes `/health`, `/ready` and `/metrics`.

    Args:
        app: Returns the open app.
        metrics: Rendered at `/metrics`.
        public: Whether those who see them may know less than the server's users.
    """

    def store() -> Store:
        return app().store

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        names, problem = await _read(lambda: _names(store()))
        if names is None:
            return JSONResponse({"status": "not ready", "reason": problem}, status_code=503)
        trouble, _ = await _read(lambda: app().any_trouble())
        learning = {"learning": _paused(trouble, public=public)} if trouble else {}
        return JSONResponse({"status": "ready", **learning})

    async def show_metrics(_request: Request) -> Response:
        totals, _ = await _read(lambda: store().totals())
        trouble, _ = await _read(lambda: app().any_trouble())
        text = metrics.render(totals, paused=trouble is not None)
        return Response(text, media_type=CONTENT_TYPE)

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", show_metrics)]


def _paused(trouble: Trouble, *, public: bool) -> dict[str, str]:
    return {
        "status": "paused",
        "since": trouble.since.isoformat(timespec="seconds"),
        "reason": HIDDEN if public else trouble.reason,
    }


async def _names(store: Store) -> object:
    """Something read from the file, which must still be the one that is written to."""
    await store.change_counter()
    return await store.libraries.names("", 1)


async def _read(query: Callable[[], Awaitable[T]]) -> tuple[T | None, str]:
    """The answer of the store, or a reason that is fit for the public."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            return await query(), ""
    except TimeoutError:
        return None, f"the store did not answer within {STORE_SECONDS:.0f} seconds"
    except Exception as error:  # any failure means that it is not ready
        logger.exception("the store cannot be read")
        return None, f"the store cannot be read ({type(error).__name__}); see the server's log"
