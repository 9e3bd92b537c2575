"""How the server bears many clients at once over HTTP, beside a bare SDK server.

    python benchmarks/http_load.py [--clients 200] [--calls 20] [--rounds 3]

Both serve stateless Streamable HTTP with plain JSON, as child processes; their rounds alternate.
In a round every client makes so many calls, one after the other. Of ours, eight in ten are
`get_experiences` from a library of 1,000, two in ten hand in four attempts of 2 kB, and one client
of fifty learns all the time from what comes in, in four libraries. The bare server echoes the same
texts, the attempts too. Clients and servers share this machine's processors, so the ratio says
more than the figures.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

from http_clients import Caller, Child, Tally, at_once, bare, learn, library, ours, submission

from experience_store import open_store
from experience_store.operations import Add
from experience_store.testing import lesson

EXPERIENCES = 1_000
VOCABULARY = 10_000
FILLED = "filled"
TEXT = "The agent looked up the order, read the carrier's note and told the customer. " * 25
LEARNERS = 50  # one client of so many learns
SUBMISSIONS = 5  # one call of so many hands in a group


def main() -> int:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--calls", type=int, default=20, help="of each; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    arguments = parser.parse_args()
    return asyncio.run(_measure(arguments.clients, arguments.calls, arguments.rounds))


async def _measure(clients: int, calls: int, rounds: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "load.db"
        await _fill(database)
        async with ours(database) as server, bare() as trivial:
            mine, its = _Mix(calls), _Echo(calls)
            for _ in range(rounds):
                await its.round(trivial, clients)
                await mine.round(server, clients)
            print(f"{clients} clients at once, {rounds} rounds of {calls} calls each")
            print(f"{'':24}{'calls':>8}{'a second':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
            _print("bare server, all", its.tally, its.seconds)
            _print("ours, all", mine.tally, mine.seconds)
            for kind in mine.tally.seconds:
                _print(f"  {kind}", mine.tally, mine.seconds, kind)
            ratio = (mine.tally.answered / mine.seconds) / (its.tally.answered / its.seconds)
            print(f"throughput of ours: {ratio:.2f} of the bare server's")
            published = await _published(database)
            stored, expected = await mine.kept(database)
            print(f"groups acknowledged: {expected}, in the database: {stored}")
            print(f"versions published under load: {published}")
            errors = {**its.tally.errors, **mine.tally.errors}
            print(f"errors: {errors or 'none'}")
    return 1 if errors or stored != expected else 0


class _Round:
    """What is done in a round, and what came of all rounds so far."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._rounds = 0
        self.tally = Tally()
        self.seconds = 0.0

    async def round(self, child: Child, clients: int) -> None:
        """Let the clients do theirs."""
        self._rounds += 1
        self.seconds += await at_once(child, clients, self.tally, self._work)

    async def _work(self, caller: Caller, client: int) -> None:
        for number in range(self._calls):
            turn = client + number  # so that not all hand in at the same time
            unique = self._rounds * 1_000_000 + client * 1_000 + number
            await self._call(caller, client, unique, hands_in=turn % SUBMISSIONS == 0)

    async def _call(self, caller: Caller, client: int, number: int, *, hands_in: bool) -> None:
        raise NotImplementedError


class _Mix(_Round):
    """Reads, submissions and updates."""

    async def _call(self, caller: Caller, client: int, number: int, *, hands_in: bool) -> None:
        if client % LEARNERS == 0:
            await learn(caller, library(client // LEARNERS))
        elif hands_in:
            await caller.call("submission", "submit_group", submission(number, TEXT))
        else:
            await caller.call("read", "get_experiences", {"task": _task(number), "library": FILLED})

    async def kept(self, database: Path) -> tuple[int, int]:
        """Groups in the database, and groups that were acknowledged."""
        store = await open_store(database)
        try:
            return (await store.totals()).groups, len(self.tally.seconds["submission"])
        finally:
            await store.close()


class _Echo(_Round):
    """The same texts, echoed."""

    async def _call(self, caller: Caller, client: int, number: int, *, hands_in: bool) -> None:  # noqa: ARG002  # as the other
        text = json.dumps(submission(number, TEXT)) if hands_in else _task(number)
        await caller.call("echo", "echo", {"text": text})


async def _fill(database: Path) -> None:
    store = await open_store(database)
    try:
        adds = [Add("Check", lesson(_words(n, 12))) for n in range(EXPERIENCES)]
        await store.libraries.ensure(FILLED)
        await store.libraries.edit(FILLED, adds, author="benchmark", note="filled")
    finally:
        await store.close()


def _task(number: int) -> str:
    return f"Find out about {_words(number, 8)} and tell the customer"


def _words(seed: int, count: int) -> str:
    """Made-up words, few of them common and many rare, as in any language."""
    chance = random.Random(seed)  # not a secret
    ranks = (int(chance.paretovariate(0.5)) % VOCABULARY for _ in range(count))
    return " ".join("".join("bdfgklmnrst"[int(d)] + "a" for d in f"{rank:04}") for rank in ranks)


async def _published(database: Path) -> int:
    """Versions of the libraries that were learned in."""
    store = await open_store(database)
    try:
        return sum(lib.head for lib in await store.libraries.all() if lib.name != FILLED)
    finally:
        await store.close()


def _print(name: str, tally: Tally, seconds: float, kind: str | None = None) -> None:
    taken: Sequence[float] = (
        tally.seconds[kind] if kind else [t for times in tally.seconds.values() for t in times]
    )
    cuts = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else [*taken] * 99
    p50, p95, p99 = (cuts[i - 1] * 1000 for i in (50, 95, 99))
    rate = len(taken) / seconds
    print(f"{name:24}{len(taken):8}{rate:10.0f}{p50:9.0f}{p95:9.0f}{p99:9.0f}")


if __name__ == "__main__":
    sys.exit(main())
