"""How long an update takes against an endpoint of fixed latency, whatever the number of groups.

    python benchmarks/wall_time.py [--latencies 1 5] [--slow] [--concurrency 256] [--groups 16 64]

The endpoint runs in a process of its own and answers every call after the same time. Short attempts
need two steps (compare, consolidate), and so do those just below the length from which they are
summarised, which cost the most to cut; long ones need three (summarise first). An update is begun
directly; the last rows leave it to the worker how many groups it takes at a time. Beside the wall
time stands the processor time of this process, all that is not waiting; the endpoint has its own,
which a real one would not add.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, TypeAlias

from recorded import verdict

from experience_store import open_store
from experience_store.index_cache import IndexCache
from experience_store.library import Policy
from experience_store.store import Store, Submission
from experience_store.testing import Said, ScriptedEndpoint, sensible_answer
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Message, Trajectory
from experience_store.update_runner import UpdateRunner
from server.learning.models.endpoint import Endpoint
from server.learning.worker import Worker
from server.settings import ModelSettings

BUDGET = 3.3
ATTEMPTS = 4
PARAGRAPH = (
    "Step {n}: the agent looked at record {n} of task {task} in attempt {attempt} and went on. "
)


Length: TypeAlias = Literal["short", "below", "long"]
LENGTHS: tuple[Length, ...] = ("short", "below", "long")


@dataclass(frozen=True)
class Case:
    """How many groups, how long their attempts are, and who says how many at a time."""

    groups: int
    length: Length
    at_once: bool = True


def main() -> int:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latencies", type=float, nargs="+", default=[1.0, 5.0], help="seconds")
    parser.add_argument("--slow", action="store_true", help="20 s as well, which takes 6 minutes")
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--groups", type=int, nargs="+", default=[16, 64])
    arguments = parser.parse_args()
    cases = [Case(n, length) for length in LENGTHS for n in arguments.groups]
    batches = [Case(max(arguments.groups), length, at_once=False) for length in LENGTHS]
    print(f"{ATTEMPTS} attempts a group, budget {BUDGET} latencies")
    counted = f"{'latency':>7}{'groups':>8}  {'attempts':9}{'updates':>8}{'calls':>7}"
    print(f"{counted}{'cpu s':>7}{'wall s':>8}{'latencies':>11}")
    for latency in [*arguments.latencies, *([20.0] if arguments.slow else [])]:
        with _endpoint(latency) as base_url:
            for case in cases + (batches if latency == arguments.latencies[0] else []):
                asyncio.run(_measure(case, latency, base_url, arguments.concurrency))
    return 0


async def _measure(case: Case, latency: float, base_url: str, concurrency: int) -> None:
    settings = ModelSettings("scripted", "none", base_url, concurrency=concurrency)
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "wall.db")
        endpoint = Endpoint(settings)
        try:
            await _fill(store, case)
            runner = UpdateRunner(store, IndexCache(store))
            worker = Worker(store, runner, endpoint, settings)
            started, busy = time.perf_counter(), time.process_time()
            if case.at_once:
                await runner.begin("wall", "model", case.groups)
            records = await worker.learn("wall")
            wall, busy = time.perf_counter() - started, time.process_time() - busy
            calls = (await store.updates.usage("wall")).calls
        finally:
            await endpoint.close()
            await store.close()
    assert all(r.status == "published" for r in records), [r.reason for r in records]
    ratio = wall / latency
    print(
        f"{latency:5.0f} s{case.groups:8}  {case.length:9}{len(records):8}{calls:7}{busy:7.2f}"
        f"{wall:8.2f}{ratio:11.2f}  {verdict(ratio, BUDGET)}"
        f"{'' if case.at_once else ', batches of the worker'}",
        flush=True,
    )


async def _fill(store: Store, case: Case) -> None:
    await store.libraries.ensure("wall")
    for number in range(case.groups):
        attempts = tuple(_attempt(number, a, case.length) for a in range(ATTEMPTS))
        await store.groups.submit("wall", Submission(f"Task {_name(number)}", attempts))


def _attempt(task: int, attempt: int, length: Length) -> Trajectory:
    """Short, or just shorter or longer than what is summarised."""
    lines = (PARAGRAPH.format(n=n, task=task, attempt=attempt) for n in range(20))
    text = "".join(lines)
    if length != "short":
        parts = Policy().summarise_above // estimate_tokens(f"Part 10.\n{text}")
        text = "\n".join(f"Part {n}.\n{text}" for n in range(parts + (length == "long")))
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
