"""The protocol's conformance suite, against a server of our factory over our HTTP.

Exactly what a revision of the protocol requires is run, at that revision's wire. What we leave out
on purpose stands in `lacking-*.yml`, each with its reason; the suite fails on anything else, and
on what stands there and passes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conformance.tools import HERE, SUITE, Ran, on_node, ran
from tests.server.cli.program import Program
from tests.server.http.serving import Served, started


@asynccontextmanager
async def with_fixtures(database: Path, *options: str) -> AsyncGenerator[Served]:
    command = [sys.executable, "-m", "tests.conformance.served", str(database), *options]
    async with started(command, Program(database).environment()) as server:
        yield server


def verdict(run: Ran) -> str:
    """What the suite says in the end, without what it says on the way."""
    return run.said[run.said.find("=== SUMMARY") :] + run.complained


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_what_a_revision_requires_is_fulfilled_but_for_what_we_leave_out(
    database: Path, tmp_path: Path, revision: str
) -> None:
    suite = on_node(SUITE)
    lacking = HERE / f"lacking-{revision}.yml"
    async with with_fixtures(database) as server:
        run = await ran(
            [
                *(*suite, "server", "--url", server.url, "--requirements", revision),
                *("--expected-failures", str(lacking), "--output-dir", str(tmp_path / "checks")),
            ],
            tmp_path,
        )

    assert run.code == 0, verdict(run)
    totals = re.search(r"^Total: (\d+) passed", run.said, re.MULTILINE)
    assert totals, run.said
    assert int(totals[1]) > 40, "the suite itself has run"


@pytest.mark.parametrize(
    "scenario", ["tools-call-with-progress", "resources-subscribe", "resources-unsubscribe"]
)
async def test_over_a_connection_that_lasts_progress_and_subscriptions_are_served(
    database: Path, tmp_path: Path, scenario: str
) -> None:
    suite = on_node(SUITE)
    async with with_fixtures(database, "--sessions") as server:
        options = ["--scenario", scenario, "--spec-version", "2025-11-25"]
        run = await ran([*suite, "server", "--url", server.url, *options], tmp_path)

    assert run.code == 0, run.said + run.complained
