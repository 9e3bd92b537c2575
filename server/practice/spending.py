"""What a run may spend, and what it has spent.

The run's budget counts every answered call and is checked before each: it stops a run between calls
and is overshot by no more than the calls in flight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pydantic import JsonValue

from server.learning.models import Reply
from server.practice.records import Spent, total
from server.practice.run_errors import BudgetSpentError, LimitReachedError, QuotaSpentError
from server.settings import Prices, cost_of

_RECORDED: ContextVar[list[Spent] | None] = ContextVar("_RECORDED", default=None)


@dataclass
class Budget:
    """The budget of a run, and what is spent of it.

    Attributes:
        max_cost: Maximum cost, in the currency of the prices; None for no limit.
        max_tokens: Maximum prompt and completion tokens together; None for no limit.
        spent: Spent so far, over all sessions of the run.
        elsewhere: What updates have spent on a server elsewhere, by their ids.
        heard: When a call of a player was last answered, on the monotonic clock.
    """

    max_cost: float | None = None
    max_tokens: int | None = None
    spent: Spent = field(default_factory=Spent)
    elsewhere: dict[str, Spent] = field(default_factory=dict[str, Spent])
    heard: float = -math.inf
    _quota: QuotaSpentError | None = None

    @property
    def whole(self) -> Spent:
        """All that counts in the budget."""
        return self.spent + total(self.elsewhere.values())

    def add(self, spent: Spent) -> None:
        """Count an answered call."""
        self.spent += spent
        if (recorded := _RECORDED.get()) is not None:
            recorded.append(spent)

    def add_elsewhere(self, updates: Mapping[str, Spent]) -> None:
        """Count what updates have spent until now, instead of what was counted before."""
        self.elsewhere.update(updates)

    def end(self, quota: QuotaSpentError) -> None:
        """Allow no further call: the quota of an endpoint is spent."""
        self._quota = quota

    def check(self) -> None:
        """Raise BudgetSpentError if there may be no further call."""
        if self._quota is not None:
            raise self._quota
        spent = self.whole
        if self.max_tokens is not None and spent.tokens >= self.max_tokens:
            raise BudgetSpentError(
                f"--max-tokens {self.max_tokens:,} is spent ({spent.tokens:,} tokens); run "
                "the same command with a larger one to continue"
            )
        if self.max_cost is not None and (spent.cost or 0.0) >= self.max_cost:
            raise BudgetSpentError(
                f"--max-cost {self.max_cost:g} is spent ({spent.cost or 0.0:.4g}); run the same "
                "command with a larger one to continue"
            )


@contextmanager
def record_spending() -> Generator[list[Spent]]:
    """What budgets count within the block, known even if the block raises."""
    calls: list[Spent] = []
    token = _RECORDED.set(calls)
    try:
        yield calls
    finally:
        _RECORDED.reset(token)


@dataclass(frozen=True, slots=True)
class RolloutLimits:
    """Limits of one try of a rollout; None for no limit.

    Attributes:
        turns: Maximum completions.
        tokens: Maximum prompt and completion tokens together.
        seconds: Timeout of the whole try.
        cost: Maximum cost, in the currency of the prices.
    """

    turns: int | None = 30
    tokens: int | None = None
    seconds: float | None = 600.0
    cost: float | None = None


@dataclass
class UsageMeter:
    """What one try of a rollout has used and said so far; it survives when the try breaks off."""

    budget: Budget
    limits: RolloutLimits
    spent: Spent = field(default_factory=Spent)
    messages: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])
    tool_calls: int = 0
    _since: float = field(default_factory=time.monotonic)
    _at_tools: bool = False

    def at_tools(self) -> None:
        """Called before tools are called, or their servers started."""
        self._since, self._at_tools = time.monotonic(), True

    def may_call(self) -> None:
        """Called before each call of the model.

        Raises:
            BudgetSpentError: If the run may not spend more.
            LimitReachedError: If this rollout may not.
        """
        self.budget.check()
        self._since, self._at_tools = time.monotonic(), False
        limits = self.limits
        if limits.turns is not None and self.spent.calls >= limits.turns:
            raise LimitReachedError(f"no end after {limits.turns} turns (--max-turns)")
        if limits.tokens is not None and self.spent.tokens >= limits.tokens:
            raise LimitReachedError(f"no end after {limits.tokens:,} tokens (--rollout-tokens)")
        if limits.cost is not None and (self.spent.cost or 0.0) >= limits.cost:
            raise LimitReachedError(f"no end at a cost of {limits.cost:g} (--rollout-cost)")

    def pay(self, spent: Spent) -> None:
        """Count an answered call."""
        self.spent += spent
        self.budget.add(spent)
        self.budget.heard = time.monotonic()

    def met_silence(self, call_seconds: float) -> bool:
        """Whether what it waits for seems down, rather than slow.

        It does after the timeout of a call. If the rollout's own time is too short for that, half
        of it is enough; but an endpoint that answered others meanwhile is at work.

        Args:
            call_seconds: Timeout of a call.
        """
        waited, seconds = time.monotonic() - self._since, self.limits.seconds
        if waited >= call_seconds or seconds is None or waited < seconds / 2:
            return waited >= call_seconds
        return self._at_tools or self.budget.heard < self._since


def priced(
    prices: Prices | None, *, prompt: int, cached: int, completion: int, calls: int = 1
) -> Spent:
    """What calls have spent, with the cost if prices are configured."""
    return Spent(
        calls=calls,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
        cost=cost_of(prices, prompt, cached, completion),
    )


def spent_of(reply: Reply) -> Spent:
    """What a model's reply has spent."""
    usage = reply.usage
    return Spent(
        calls=usage.calls,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        cost=usage.cost,
        estimated=usage.calls if reply.estimated else 0,
    )
