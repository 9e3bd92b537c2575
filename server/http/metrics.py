"""Numbers for Prometheus.

Counters tell what this process was asked; gauges of the store tell what all processes on one
database have put there, the background's learning included, and survive a restart. No label takes
a client's word: libraries, of which there may be any number, are not told apart.
"""

from __future__ import annotations

from typing import get_args

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

from experience_store.store import StoreTotals
from experience_store.version import UpdateStatus
from server.http.exchange import Outcome

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "experience_mcp"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATUSES = get_args(UpdateStatus)
_HELD = {
    "libraries": "Libraries that there are",
    "experiences": "Experiences in their current versions",
    "groups": "Groups of attempts stored",
    "attempts": "Attempts stored",
    "waiting": "Groups that wait to be learned from",
    "retrievals": "Retrievals recorded",
}


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            f"{_PREFIX}_http_requests", "HTTP requests", ("path", "status"), registry=registry
        )
        self._calls = Counter(
            f"{_PREFIX}_tool_calls",
            "Calls of tools: submissions, retrievals, ...",
            ("tool", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}_tool_seconds",
            "How long calls of tools took",
            ("tool",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._held = {
            name: Gauge(f"{_PREFIX}_store_{name}", text, registry=registry)
            for name, text in _HELD.items()
        }
        self._updates = Gauge(
            f"{_PREFIX}_store_updates",
            "Updates by what came of them",
            ("status",),
            registry=registry,
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def answered(self, path: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(path, str(status)).inc()

    def called(self, tool: str, outcome: Outcome, seconds: float) -> None:
        """A tool was called."""
        self._calls.labels(tool, outcome).inc()
        self._seconds.labels(tool).observe(seconds)

    def text(self, totals: StoreTotals | None) -> bytes:
        """Everything in Prometheus' format; without the store's gauges if it cannot be read."""
        for name, gauge in self._held.items():
            gauge.set(getattr(totals, name) if totals else float("nan"))
        for status in _STATUSES:
            held = totals.updates.get(status, 0) if totals else float("nan")
            self._updates.labels(status).set(held)
        return generate_latest(self._registry)
