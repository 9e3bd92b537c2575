"""How long an update takes against an endpoint of fixed latency, whatever the number of groups.

    python benchmarks/wall_time.py [--latency 1.0] [--concurrency 256] [--groups 1 16 64]

The endpoint runs in a process of its own and answers every call after the same time. Short attempts
need two steps (compare, consolidate), long ones three (summarise first); a single group has
nothing to consolidate. An update of 64 groups is begun directly; the last rows leave it to the
worker how many groups it takes at a time. Beside the wall time stands the processor time of this
process, all that is not waiting; the endpoint has its own, which a real one would not add.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from recorded import verdict

from experience_store.catalogue import Catalogue
from experience_store.learner import Learner
from experience_store.library import Policy
from experience_store.store import Store, Submission, open_store
from experience_store.testing import Said, ScriptedEndpoint, sensible_answer
from experience_store.tokens import estimate_tokens
from experience_store.trajectory import Message, Trajectory
from server.models.endpoint import Endpoint
from server.settings import ModelSettings
from server.worker import Worker

BUDGET = 3.3
ATTEMPTS = 4
PARAGRAPH = (
    "Step {n}: the agent looked at record {n} of task {task} in attempt {attempt} and went on. "
)


@dataclass(frozen=True)
class Case:
    """How many groups, whether their attempts are long, and who says how many at a time."""

    groups: int
    long: bool
    at_once: bool = True


def main() -> int:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=1.0, help="seconds")
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 16, 64])
    arguments = parser.parse_args()
    cases = [Case(n, long) for long in (False, True) for n in arguments.groups]
    cases += [Case(max(arguments.groups), long, at_once=False) for long in (False, True)]
    print(f"latency {arguments.latency} s, {ATTEMPTS} attempts a group, budget {BUDGET} latencies")
    counted = f"{'groups':>6}  {'attempts':9}{'updates':>8}{'calls':>7}"
    print(f"{counted}{'cpu s':>7}{'wall s':>8}{'latencies':>11}")
    with _endpoint(arguments.latency) as base_url:
        for case in cases:
            asyncio.run(_measure(case, base_url, arguments))
    return 0


async def _measure(case: Case, base_url: str, arguments: Namespace) -> None:
    settings = ModelSettings("scripted", "none", base_url, concurrency=arguments.concurrency)
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "wall.db")
        endpoint = Endpoint(settings)
        try:
            await _fill(store, case)
            learner = Learner(store, Catalogue(store))
            worker = Worker(store, learner, endpoint, settings)
            started, busy = time.perf_counter(), time.process_time()
            if case.at_once:
                await learner.begin("wall", "model", case.groups)
            records = await worker.learn("wall")
            wall, busy = time.perf_counter() - started, time.process_time() - busy
            calls = (await store.updates.usage("wall")).calls
        finally:
            await endpoint.close()
            await store.close()
    assert all(r.status == "published" for r in records), [r.reason for r in records]
    ratio = wall / arguments.latency
    print(
        f"{case.groups:6}  {'long' if case.long else 'short':9}{len(records):8}{calls:7}{busy:7.2f}"
        f"{wall:8.2f}{ratio:11.2f}  {verdict(ratio, BUDGET)}"
        f"{'' if case.at_once else ', batches of the worker'}",
        flush=True,
    )


async def _fill(store: Store, case: Case) -> None:
    await store.libraries.ensure("wall")
    for number in range(case.groups):
        attempts = tuple(_attempt(number, a, long=case.long) for a in range(ATTEMPTS))
        await store.groups.submit("wall", Submission(f"Task {_name(number)}", attempts))


def _attempt(task: int, attempt: int, *, long: bool) -> Trajectory:
    """Short, or just longer than what is summarised."""
    lines = (PARAGRAPH.format(n=n, task=task, attempt=attempt) for n in range(20))
    text = "".join(lines)
    if long:
        repeats = Policy().summarise_above // estimate_tokens(text) + 1
        text = "\n".join(f"Part {n}.\n{text}" for n in range(repeats))
    return Trajectory(f"{task}-{attempt}", (Message("assistant", text),), float(attempt % 2))


def _name(number: int) -> str:
    """A number as a word, so that lessons differ."""
    return "".join("abcdefghij"[int(digit)] * 2 for digit in f"{number:03}")


@contextmanager
def _endpoint(latency: float) -> Generator[str]:
    """The base URL of an endpoint in a process of its own."""
    ours, theirs = mp.Pipe()
    process = mp.get_context("spawn").Process(target=_serve, args=(latency, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(latency: float, pipe: Connection) -> None:
    asyncio.run(_serve_for_ever(latency, pipe))


async def _serve_for_ever(latency: float, pipe: Connection) -> None:
    def script(asked: object) -> Said:
        return Said(sensible_answer(getattr(asked, "prompt", "")), delay=latency)

    async with ScriptedEndpoint(script) as endpoint:
        pipe.send(endpoint.base_url)
        await asyncio.Event().wait()  # until terminated


if __name__ == "__main__":
    sys.exit(main())
