"""Metrics for Prometheus.

Counters say what this process was asked. Gauges of the store say what all processes on one database
have put there, background learning included, and survive a restart. No label takes a client's word;
libraries, of which there may be any number, are not told apart.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

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

Outcome: TypeAlias = Literal["ok", "error", "failed", "cancelled"]

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
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def count_request(self, path: str, status: int) -> None:
        """Count an HTTP request."""
        self._requests.labels(path, str(status)).inc()

    def count_call(self, tool: str, outcome: Outcome, seconds: float) -> None:
        """Count and time a tool call."""
        self._calls.labels(tool, outcome).inc()
        self._seconds.labels(tool).observe(seconds)

    def render(self, totals: StoreTotals | None) -> bytes:
        """All metrics in Prometheus' text format.

        Args:
            totals: What the store holds; None if it cannot be read, which shows as NaN.
        """
        for name, gauge in self._stored.items():
            gauge.set(getattr(totals, name) if totals else float("nan"))
        for status in _STATUSES:
            stored = totals.updates.get(status, 0) if totals else float("nan")
            self._updates.labels(status).set(stored)
        return generate_latest(self._registry)
