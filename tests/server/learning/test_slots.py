"""Slots for concurrent calls: a limit, turns for libraries, and none waits for one that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from experience_store.store import Store
from experience_store.testing import Asked, Said, ScriptedEndpoint
from server.learning.models.endpoint import Endpoint
from server.learning.slots import Slots, Turn, taking
from server.learning.worker import WorkerTimes
from server.practice.run.teacher import HostRequest
from tests.builders import submission
from tests.server.learning.scripted_models import (
    FOREVER,
    LONG_ENOUGH,
    model,
    right,
    running,
    worker,
)

NEVER = 1_000.0
SOON = 0.05


@dataclass
class Calls:
    """Calls that hold their slots until they are let go.

    Attributes:
        began: The libraries whose calls began, in order.
    """

    slots: Slots
    began: list[str] = field(default_factory=list[str])
    ends: list[asyncio.Event] = field(default_factory=list[asyncio.Event])
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def ask(self, *libraries: str) -> list[str]:
        """Ask for a slot for each; return the libraries whose calls have begun."""
        self.tasks += [asyncio.create_task(self._call(library)) for library in libraries]
        return await self.settled()

    async def end(self, number: int) -> list[str]:
        """End the call that began as this number; return as `ask` does."""
        self.ends[number].set()
        return await self.settled()

    async def settled(self) -> list[str]:
        for _ in range(9):
            await asyncio.sleep(0)
        return self.began

    async def _call(self, library: str) -> None:
        with taking(Turn(library)):
            async with self.slots.taken() as turn:
                assert turn.library == library
                self.began.append(library)
                self.ends.append(end := asyncio.Event())
                await end.wait()
                self.slots.answered(turn)


@asynccontextmanager
async def calls(limit: int, overdue: float = NEVER) -> AsyncGenerator[Calls]:
    made = Calls(Slots(limit, overdue))
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_a_free_slot_goes_to_the_library_with_the_fewest_calls_by_turns() -> None:
    async with calls(2) as made:
        assert await made.ask("a", "a", "a", "a", "b", "c") == ["a", "a"]
        assert await made.end(0) == ["a", "a", "b"]
        assert await made.end(1) == ["a", "a", "b", "c"]
        assert await made.end(2) == ["a", "a", "b", "c", "a"]
        assert await made.end(3) == ["a", "a", "b", "c", "a", "a"], "nobody else waits"


async def test_who_no_longer_waits_gets_no_slot_and_keeps_none() -> None:
    async with calls(1) as made:
        await made.ask("a", "b", "c")
        made.tasks[1].cancel()
        assert await made.end(0) == ["a", "c"]
        made.tasks[2].cancel()
        assert await made.ask("d") == ["a", "c", "d"]


async def test_each_overdue_call_lends_its_slot_once_to_a_library_without_a_call() -> None:
    async with calls(1, SOON) as made:
        assert await made.ask("a", "a", "b", "b", "c") == ["a"]
        await asyncio.sleep(SOON * 1.5)
        assert made.began == ["a", "b"]
        await asyncio.sleep(SOON)
        assert made.began == ["a", "b", "c"]
        await asyncio.sleep(SOON)
        assert made.began == ["a", "b", "c"], "those that wait have calls in flight"
        assert await made.end(0) == ["a", "b", "c"], "two are in flight in one slot"
        await made.end(1)
        assert await made.end(2) == ["a", "b", "c", "a"]


async def test_where_all_answers_take_long_no_call_is_overdue() -> None:
    async with calls(1, SOON) as made:
        await made.ask("a")
        await asyncio.sleep(SOON * 2)
        await made.end(0)
        await made.ask("a", "b")
        await asyncio.sleep(SOON * 2)
        assert made.began == ["a", "a"]


QUESTION = HostRequest("judge", "What is it?", {"type": "object"})


async def test_a_call_that_waits_to_be_sent_again_holds_no_slot() -> None:
    def script(asked: Asked) -> Said:
        return Said(status=503, retry_after=100) if asked.number == 1 else Said("{}")

    async with ScriptedEndpoint(script) as scripted:
        endpoint = Endpoint(replace(model(scripted.base_url), concurrency=1))
        first = asyncio.create_task(endpoint.ask(QUESTION))
        async with asyncio.timeout(LONG_ENOUGH):
            while not scripted.calls:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)
            reply = await endpoint.ask(QUESTION)
        assert reply.text == "{}"
        assert not first.done()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await endpoint.close()


def hanging(libraries: Sequence[str]) -> Callable[[Asked], Said]:
    """Hangs on tasks that name one of these libraries."""
    return lambda asked: (
        Said(delay=FOREVER) if any(name in asked.prompt for name in libraries) else right(asked)
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("concurrency", [1, 2, 8])
async def test_a_healthy_library_publishes_while_three_others_hang(
    store: Store, concurrency: int
) -> None:
    hang = ("hanging-1", "hanging-2", "hanging-3")
    for library in (*hang, "healthy"):
        for task in range(4):
            await store.groups.submit(library, submission(task=f"{library}: task {task}"))
    async with ScriptedEndpoint(hanging(hang)) as endpoint:
        settings = replace(model(endpoint.base_url), concurrency=concurrency, learn_groups=1)
        async with worker(store, settings, times=WorkerTimes()) as made, running(made):
            async with asyncio.timeout(LONG_ENOUGH):
                while (await store.libraries.get("healthy")).head == 0:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.05)
            assert made.trouble is None
    assert endpoint.most_at_once <= concurrency + len(hang)


async def test_an_endpoint_that_declines_calls_as_too_many_gets_fewer_at_once() -> None:
    slots = Slots(4)
    calls = Calls(slots)
    assert await calls.ask("a", "b") == ["a", "b"]
    slots.declined()
    assert await calls.ask("c") == ["a", "b"]
    assert await calls.end(0) == ["a", "b"]
    assert await calls.end(1) == ["a", "b", "c"]
    await calls.end(2)
