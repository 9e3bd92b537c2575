"""When a rollout's time is up: is what it waits for out of order, or was it slow itself?"""

from __future__ import annotations

import asyncio
import math

from server.practice.records import Rollout, Spent
from server.practice.run.attempts import AttemptSettings, roll_out
from server.practice.spending import Budget, RolloutLimits, UsageMeter

SECONDS = 1.0


class Waiting:
    """A player that does a few calls at an even pace, and then waits."""

    def __init__(self, calls: int, pace: float, *, then_at_tools: bool = False) -> None:
        self._calls = calls
        self._pace = pace
        self._then_at_tools = then_at_tools

    async def play(self, prompt: str, meter: UsageMeter, seed: int) -> str:
        for _ in range(self._calls):
            meter.may_call()
            await asyncio.sleep(self._pace)
            meter.pay(Spent(calls=1))
        meter.may_call()
        if self._then_at_tools:
            meter.at_tools()
        await asyncio.sleep(math.inf)
        return f"{prompt} {seed}"

    async def close(self) -> None:
        """Nothing is held."""


async def played(player: Waiting, call_seconds: float, budget: Budget | None = None) -> Rollout:
    return await roll_out(
        player,
        "p",
        key="k",
        attempt_settings=AttemptSettings(
            RolloutLimits(turns=None, seconds=SECONDS), 1, call_seconds
        ),
        budget=budget or Budget(),
        lost=print,
    )


CASES = {
    "dead from the first call, within what a call may take": (Waiting(0, 0), 60.0, True),
    "dead from the first call": (Waiting(0, 0), SECONDS / 4, True),
    "silent after some answers": (Waiting(2, 0.01), 60.0, True),
    "at tools after some answers": (Waiting(2, 0.01, then_at_tools=True), 60.0, True),
    "late, but silent for all that a call may take": (Waiting(1, 0.75), SECONDS / 8, True),
    "late in a call": (Waiting(1, 0.75), 60.0, False),
    "at work all the time": (Waiting(10**6, 0.01), 60.0, False),
}


async def test_a_timeout_after_a_long_silence_is_an_outage() -> None:
    done = await asyncio.gather(*(played(player, call) for player, call, _ in CASES.values()))
    found = dict(zip(CASES, done, strict=True))
    assert {case: d.outage for case, d in found.items()} == {c: CASES[c][2] for c in CASES}
    assert all(d.exhausted != d.outage for d in done)
    assert {d.failure for d in done} == {f"no end after {SECONDS:g} s (--rollout-seconds)"}


async def test_a_timeout_at_an_endpoint_that_answers_others_is_a_failure_of_the_attempt() -> None:
    budget = Budget()
    slow, at_tools, _ = await asyncio.gather(
        played(Waiting(0, 0), 60.0, budget),
        played(Waiting(0, 0, then_at_tools=True), 60.0, budget),
        played(Waiting(10**6, 0.01), 60.0, budget),
    )
    assert (slow.outage, slow.exhausted) == (False, True)
    assert at_tools.outage
