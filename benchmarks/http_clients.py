"""What the benchmarks over HTTP share: servers as child processes, and clients that keep calling.

A client is an HTTP connection that posts one JSON-RPC call after the other, since a whole SDK
client each would cost this machine more than the servers do.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
from recorded import ROOT

from experience_store.testing import sensible_answer

LIBRARIES = 4
TIMEOUT = 120.0
_HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Child:
    """A server that listens."""

    process: Process
    url: str

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid


@dataclass
class Tally:
    """Seconds of every call that was answered, by kind, and the errors."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def answered(self) -> int:
        """Calls that were answered."""
        return sum(map(len, self.seconds.values()))


@asynccontextmanager
async def ours(database: Path, *options: str) -> AsyncGenerator[Child]:
    """Our server on a free port."""
    command = ("-m", "server.cli", "serve", "--database", str(database), "--http", "0", *options)
    async with _child(*command) as child:
        yield child


@asynccontextmanager
async def bare() -> AsyncGenerator[Child]:
    """A bare SDK server with one trivial tool, stateless with plain JSON as ours is."""
    async with _child(str(ROOT / "benchmarks" / "trivial_server.py"), "--http") as child:
        yield child


@asynccontextmanager
async def _child(*command: str) -> AsyncGenerator[Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(TIMEOUT):
            while not (found := _ADDRESS.search(await _line(process.stderr))):
                pass
        reading = asyncio.create_task(_read_away(process.stderr))
        yield Child(process, f"{found[0]}/mcp")
        process.terminate()
        await process.wait()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _line(stream: asyncio.StreamReader) -> str:
    line = await stream.readline()
    assert line, "the server has ended"
    return line.decode()


async def _read_away(stream: asyncio.StreamReader) -> None:
    while await stream.read(65_536):
        pass


class Caller:
    """One client: calls tools, notes how long each took, and counts what went wrong."""

    def __init__(self, http: httpx2.AsyncClient, url: str, tally: Tally) -> None:
        self._http = http
        self._url = url
        self._tally = tally
        self._ids = count(1)

    async def call(self, kind: str, tool: str, arguments: Arguments) -> Mapping[str, Any] | None:
        """The structured answer; None after an error, which is counted."""
        body = {
            "jsonrpc": "2.0",
            "id": next(self._ids),
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        started = time.perf_counter()
        try:
            response = await self._http.post(self._url, content=json.dumps(body), headers=_HEADERS)
        except httpx2.HTTPError as error:
            self._tally.errors[f"{kind}: {type(error).__name__}"] += 1
            return None
        taken = time.perf_counter() - started
        result = response.json().get("result") if response.is_success else None
        if result is None or result.get("isError"):
            self._tally.errors[f"{kind}: {response.status_code} {response.text[:100]}"] += 1
            return None
        self._tally.seconds[kind].append(taken)
        return result.get("structuredContent") or {}


def library(number: int) -> str:
    """One of the libraries that the mixture works in."""
    return f"load-{number % LIBRARIES}"


def submission(number: int, text: str) -> Arguments:
    """A group of four attempts with signal."""
    attempts = [{"reward": i % 2, "output": f"{number}.{i} {text}"} for i in range(4)]
    task = f"Order {number}: find out why the delivery is late"
    return {"task": task, "library": library(number), "trajectories": attempts}


async def learn(caller: Caller, name: str) -> None:
    """One update of a library, answered as a host would answer it, only faster."""
    found = await caller.call("update", "update_experiences", {"library": name})
    while found and found["status"] == "awaiting_answers":
        answers = [
            {"request_id": r["request_id"], "answer": sensible_answer(r["prompt"])}
            for r in found["requests"]
        ]
        given = {"update_id": found["update_id"], "answers": answers}
        found = await caller.call("answers", "submit_answers", given)


async def at_once(
    child: Child, clients: int, tally: Tally, work: Callable[[Caller, int], Awaitable[None]]
) -> float:
    """Let many clients work at the same time, each on a connection of its own.

    Returns:
        Seconds until the last was done.
    """
    limits = httpx2.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx2.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=False) as http:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(work_of(work, Caller(http, child.url, tally), number))
        return time.perf_counter() - started


async def work_of(
    work: Callable[[Caller, int], Awaitable[None]], caller: Caller, number: int
) -> None:
    """A client's work as a coroutine, which is what tasks take."""
    await work(caller, number)
