"""How fast the server answers, beside a bare SDK server with one trivial tool.

    python benchmarks/latency.py [--data ../shared/data] [--calls 100] [--starts 7]

Both run as child processes and are talked to over stdio by the SDK's client; calls and starts
alternate, so that whatever else the machine does falls on both; each kind of call has a child of
its own, so that all children are idle for as long between calls. The trivial tool echoes the task
that ours is given. The attempts of `submit_group` are recorded messages, 16 kB of JSON each; what
an echo of all four costs stands beside it. Memory is read from /proc, so it needs Linux.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from mcp import Client, StdioServerParameters
from recorded import ROOT, arguments_or_exit, lessons, recorded, tasks, verdict

from experience_store import open_store
from experience_store.operations import Add
from experience_store.token_estimate import estimate_tokens

WARM_UP = 10
ATTEMPT = 16_000
ATTEMPTS = 4
LIBRARY = "bench"
SMALL, LARGE = 1_000, 10_000
MAX_DEFINITIONS, MAX_DEFINITION_TOKENS = 6 * 1024, 2_000
MAX_MEMORY = 100.0

TRIVIAL = "echo"
BUDGETS = {
    f"get_experiences, {SMALL:,}": 1.5,
    f"get_experiences, {LARGE:,}": 2.0,
    "submit_group, 4 of 16 kB": 4.0,
}


@dataclass(frozen=True)
class Call:
    """A tool call that is measured; `arguments` makes them for the n-th time."""

    name: str
    client: Client
    tool: str
    arguments: Callable[[int], dict[str, Any]]

    async def time(self, number: int) -> float:
        """Milliseconds until the answer is there."""
        arguments = self.arguments(number)
        started = time.perf_counter()
        result = await self.client.call_tool(self.tool, arguments)
        taken = time.perf_counter() - started
        assert not result.is_error, result.content
        return taken * 1000


def main() -> int:
    """Print the tables."""
    parser = ArgumentParser()
    parser.add_argument("--calls", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--starts", type=int, default=7, help="default: %(default)s")
    arguments = arguments_or_exit(__doc__, parser)
    asyncio.run(_measure(arguments.data, arguments.calls, arguments.starts))
    return 0


async def _measure(data: Path, calls: int, starts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        adds = lessons(data, LARGE)
        small, large, other = (Path(folder) / f"{n}.db" for n in ("small", "large", "other"))
        await _fill(small, adds[:SMALL])
        await _fill(large, adds)
        asked = tasks(data)
        await _answers(small, large, other, asked, _attempts(data), calls)
        await _starts(small, asked[0], starts)


async def _fill(database: Path, adds: Sequence[Add]) -> None:
    store = await open_store(database)
    try:
        await store.libraries.ensure(LIBRARY)
        await store.libraries.edit(LIBRARY, adds, author="benchmark", note="filled")
    finally:
        await store.close()


def _attempts(data: Path) -> list[list[dict[str, Any]]]:
    """Attempts of recorded messages, as many as fit into 16 kB, filled up to that."""
    groups = recorded(data)["tau-bench"]
    made: list[list[dict[str, Any]]] = []
    for number in range(ATTEMPTS):
        talk = cycle(m for g in groups[number:] for m in g.trajectories[0]["messages"][1:])
        messages: list[dict[str, Any]] = []
        while (room := ATTEMPT - _size([*messages, {"role": "user", "content": ""}])) > 0:
            message = next(talk)
            fits = _size(message) <= room
            filler = {"role": "user", "content": str(message["content"])[:room].ljust(room, ".")}
            messages.append(message if fits else filler)
        made.append(messages)
    return made


def _size(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _trivial() -> StdioServerParameters:
    return _python(str(ROOT / "benchmarks" / "trivial_server.py"))


def _ours(database: Path) -> StdioServerParameters:
    return _python("-m", "server.cli", "serve", "--database", str(database))


def _python(*arguments: str) -> StdioServerParameters:
    passed = {k: v for k, v in os.environ.items() if k == "PYTHONPATH"}
    return StdioServerParameters(
        command=sys.executable, args=list(arguments), env=passed, cwd=str(ROOT)
    )


async def _answers(
    small: Path,
    large: Path,
    other: Path,
    asked: Sequence[str],
    attempts: Sequence[list[dict[str, Any]]],
    calls: int,
) -> None:
    async with AsyncExitStack() as stack:
        trivial, trivial_64, with_small, with_large, submitted_to = [
            await stack.enter_async_context(Client(server))
            for server in (_trivial(), _trivial(), _ours(small), _ours(large), _ours(other))
        ]

        def task(number: int) -> str:
            return asked[number % len(asked)]

        def query(number: int) -> dict[str, Any]:
            return {"task": task(number), "library": LIBRARY}

        def group(number: int) -> dict[str, Any]:
            trajectories = [
                {"reward": float(i % 2), "messages": messages, "id": f"{number}-{i}"}
                for i, messages in enumerate(attempts)
            ]
            return {"task": f"{task(number)} ({number})", "trajectories": trajectories}

        payload = json.dumps(attempts)
        first, second, third = BUDGETS
        table = [
            Call(TRIVIAL, trivial, "echo", lambda n: {"text": task(n)}),
            Call(first, with_small, "get_experiences", query),
            Call(second, with_large, "get_experiences", query),
            Call(third, submitted_to, "submit_group", group),
            Call("echo of these 64 kB", trivial_64, "echo", lambda n: {"text": f"{n}{payload}"}),
        ]
        _report(await _timed(table, calls))
        await _definitions(with_small)
        _memory(large)


async def _timed(table: Sequence[Call], calls: int) -> dict[str, list[float]]:
    """Milliseconds of every call, in turn, after warming up."""
    times: dict[str, list[float]] = {call.name: [] for call in table}
    for number in range(WARM_UP + calls):
        for call in table:
            taken = await call.time(number)
            if number >= WARM_UP:
                times[call.name].append(taken)
    return times


def _report(times: Mapping[str, Sequence[float]]) -> None:
    unit = median(times[TRIVIAL])
    count = len(times[TRIVIAL])
    title = f"{count} calls each, over stdio"
    print(f"{title:32}{'median ms':>10}{'p95 ms':>9}{'ratio':>8}{'budget':>8}")
    for name, taken in times.items():
        _line(name, taken, median(taken) / unit, BUDGETS.get(name))


def _line(name: str, taken: Sequence[float], ratio: float, budget: float | None) -> None:
    p95 = quantiles(taken, n=20, method="inclusive")[-1]
    judged = f"{budget:8.1f}  {verdict(ratio, budget)}" if budget else ""
    print(f"{name:32}{median(taken):10.2f}{p95:9.2f}{ratio:8.2f}{judged}", flush=True)


async def _definitions(client: Client) -> None:
    """Size of what `tools/list` answers, as compact JSON."""
    listed = (await client.list_tools()).tools
    tools = [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in listed]
    text = json.dumps(tools, separators=(",", ":"), ensure_ascii=False)
    size, tokens = len(text.encode()), estimate_tokens(text)
    print(
        f"\ndefinitions of {len(tools)} tools: {size} bytes, budget {MAX_DEFINITIONS}: "
        f"{verdict(size, MAX_DEFINITIONS)}; {tokens} tokens, budget {MAX_DEFINITION_TOKENS}: "
        f"{verdict(tokens, MAX_DEFINITION_TOKENS)}"
    )


def _memory(database: Path) -> None:
    """Resident memory of the child that serves a database."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(facts["PPid"]) == os.getpid() and str(database).encode() in command:
            megabytes = int(facts["VmRSS"].split()[0]) / 1024
            print(
                f"resident memory with {LARGE:,} experiences: {megabytes:.1f} MB, budget "
                f"{MAX_MEMORY:.0f}: {verdict(megabytes, MAX_MEMORY)}"
            )


async def _starts(database: Path, task: str, starts: int) -> None:
    """From the start of the process to the first answer, alternating."""
    query = {"task": task, "library": LIBRARY}
    trivial, ours = list[float](), list[float]()
    for _ in range(starts):
        trivial.append(await _cold(_trivial(), "echo", {"text": task}))
        ours.append(await _cold(_ours(database), "get_experiences", query))
    print(f"\n{f'{starts} cold starts, first answer':32}")
    _line("bare server", trivial, 1.0, None)
    _line(f"ours, {SMALL:,} experiences", ours, median(ours) / median(trivial), 1.2)


async def _cold(server: StdioServerParameters, tool: str, arguments: dict[str, Any]) -> float:
    started = time.perf_counter()
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
        taken = time.perf_counter() - started
    assert not result.is_error, result.content
    return taken * 1000


if __name__ == "__main__":
    sys.exit(main())
