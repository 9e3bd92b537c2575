"""Whether the server grows while it serves over HTTP: memory, handles, threads, write-ahead log.

    python benchmarks/http_soak.py [--minutes 10] [--clients 20]

Clients read, hand in groups and learn all the time, in four libraries; one more leaves in the
middle of its submissions, one does not read its answers, and one listens for changes and leaves
again. What the server holds is read from /proc every few seconds,
so it needs Linux. The database grows with what is handed in; the rest must not: the last fifth is
compared with the second one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from http_clients import Caller, Child, Tally, at_once, learn, library, ours, submission
from mcp import Client
from recorded import verdict

TEXT = "The agent looked up the order, read the carrier's note and told the customer. " * 25
SAMPLES = 60
FIFTH = SAMPLES // 5
BOUNDS = {"memory MB": 1.1, "handles": 1.1, "threads": 1.1, "log MB": 1.5}
PAUSE = 0.05  # seconds between calls of a client, so that all kinds get their turn


@dataclass(frozen=True)
class Held:
    """What the server holds at one moment."""

    minutes: float
    memory: float
    handles: int
    threads: int
    log: float
    database: float

    def row(self) -> tuple[float, float, float, float]:
        """What must not grow, in the order of `BOUNDS`."""
        return (self.memory, self.handles, self.threads, self.log)


def main() -> int:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="default: %(default)s")
    parser.add_argument("--clients", type=int, default=20, help="default: %(default)s")
    arguments = parser.parse_args()
    return asyncio.run(_soak(arguments.minutes * 60, arguments.clients))


async def _soak(seconds: float, clients: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "soak.db"
        tally = Tally()
        async with ours(database) as server:
            end = time.monotonic() + seconds
            async with asyncio.TaskGroup() as group:
                for strange in (_leaves, _does_not_read, _listens):
                    group.create_task(_until(end, server, strange))
                group.create_task(_clients(server, clients, tally, end))
                held = await _watch(server, database, seconds)
        return _report(held, tally)


async def _clients(server: Child, clients: int, tally: Tally, end: float) -> None:
    async def work(caller: Caller, client: int) -> None:
        number = client
        while time.monotonic() < end:
            number += clients
            if client == 0:
                await learn(caller, library(number // clients))
            elif client % 2:
                await caller.call("submission", "submit_group", submission(number, TEXT))
            else:
                task = f"Find out why order {number} is late"
                query = {"task": task, "library": library(number // clients)}
                await caller.call("read", "get_experiences", query)
            await asyncio.sleep(PAUSE)

    await at_once(server, clients, tally, work)


async def _until(end: float, server: Child, strange: Callable[[str], Awaitable[None]]) -> None:
    while time.monotonic() < end:
        with suppress(OSError, TimeoutError):
            await strange(server.url)
        await asyncio.sleep(PAUSE)


async def _leaves(url: str) -> None:
    """Begin a submission and leave in the middle of it."""
    _, writer = await _begin(url, json.dumps(submission(0, TEXT)).encode())
    await asyncio.sleep(PAUSE)
    writer.transport.abort()


async def _does_not_read(url: str) -> None:
    """Ask for much, read nothing for a second, and leave."""
    call = {"name": "get_experiences", "arguments": {"task": "late", "library": library(0)}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    data = json.dumps(body).encode()
    _, writer = await _begin(url, data, whole=True)
    await asyncio.sleep(1)
    writer.transport.abort()


async def _listens(url: str) -> None:
    """Listen for changes for a second."""
    async with Client(url) as client, client.listen(resource_subscriptions=[]):
        await asyncio.sleep(1)


async def _begin(
    url: str, body: bytes, *, whole: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    fields = {
        "host": parts.netloc,
        "content-type": "application/json",
        "accept": "application/json",
        "content-length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body[: None if whole else -10])
    await writer.drain()
    return reader, writer


async def _watch(server: Child, database: Path, seconds: float) -> list[Held]:
    held: list[Held] = []
    started = time.monotonic()
    print(f"{'minute':>7}{'memory MB':>11}{'handles':>9}{'threads':>9}{'log MB':>8}{'db MB':>8}")
    for number in range(SAMPLES):
        await asyncio.sleep(started + seconds * (number + 1) / SAMPLES - time.monotonic())
        one = _held(server, database, (time.monotonic() - started) / 60)
        held.append(one)
        if number % (SAMPLES // 20) == 0:
            print(
                f"{one.minutes:7.1f}{one.memory:11.1f}{one.handles:9}{one.threads:9}"
                f"{one.log:8.1f}{one.database:8.1f}",
                flush=True,
            )
    return held


def _held(server: Child, database: Path, minutes: float) -> Held:
    process = Path("/proc") / str(server.pid)
    facts = dict(x.split(":", 1) for x in (process / "status").read_text().splitlines())
    return Held(
        minutes=minutes,
        memory=int(facts["VmRSS"].split()[0]) / 1024,
        handles=len(list((process / "fd").iterdir())),
        threads=int(facts["Threads"]),
        log=_megabytes(database.with_name(f"{database.name}-wal")),
        database=_megabytes(database),
    )


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6 if path.exists() else 0.0


def _report(held: Sequence[Held], tally: Tally) -> int:
    early, late = held[FIFTH : 2 * FIFTH], held[-FIFTH:]
    grown = 0
    for position, (name, bound) in enumerate(BOUNDS.items()):
        before = median(h.row()[position] for h in early)
        after = median(h.row()[position] for h in late)
        ratio = after / before if before else 1.0
        grown += ratio > bound
        print(
            f"{name:10} {before:8.1f} to {after:8.1f}: {ratio:.2f}, bound {bound}: "
            f"{verdict(ratio, bound)}"
        )
    counts = {kind: len(times) for kind, times in tally.seconds.items()}
    print(f"calls: {counts}; errors: {dict(tally.errors) or 'none'}")
    return 1 if grown or tally.errors else 0


if __name__ == "__main__":
    sys.exit(main())
