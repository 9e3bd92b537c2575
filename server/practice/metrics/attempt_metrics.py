"""Figures of attempts: rewards, passes, failures, and what they used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from server.learning.models import UnusableKind
from server.practice.metrics.estimates import mean_of, pass_at_k
from server.practice.records import AttemptGroup, JournalRecord, Run, ScoredAttempt, Spent, total

FULL_REWARD = 1.0


class AttemptCounts(JournalRecord):
    """How many attempts there were and what became of them.

    Attributes:
        attempts: All of them.
        scored: Those with a reward.
        rollout_failures: Those without, because the rollout failed.
        unusable: How many of these ended with something else than an answer, by what came.
        verifier_failures: Those without, because the verifier was unavailable (or gave a reward
            that is not a real number).
    """

    attempts: int
    scored: int
    rollout_failures: int
    verifier_failures: int
    unusable: dict[UnusableKind, int] = Field(default_factory=dict[UnusableKind, int])

    @property
    def unscored(self) -> int:
        """Those without a reward."""
        return self.rollout_failures + self.verifier_failures


class Bounds(JournalRecord):
    """The least and the most that something can be."""

    low: float
    high: float


UNIT = Bounds(low=0.0, high=FULL_REWARD)  # the usual scale of rewards


class AttemptUse(JournalRecord):
    """What attempts took: the rollouts and the verifying apart.

    Attributes:
        tool_calls: Tool calls of all rollouts.
        tool_calls_per_rollout: None where there was no rollout.
        tokens_per_attempt: Prompt and completion tokens of a rollout.
        cost_per_attempt: Cost of a rollout; None where no prices are configured.
        rollouts: What the rollouts spent, failed tries included.
        verification: What the verifier spent.
    """

    tool_calls: int
    tool_calls_per_rollout: float | None
    tokens_per_attempt: float | None
    cost_per_attempt: float | None
    rollouts: Spent
    verification: Spent


def reward_of(attempt: ScoredAttempt) -> float | None:
    """The reward, if it is a real number; None for unscored."""
    reward = attempt.reward
    return reward if reward is not None and math.isfinite(reward) else None


def rewards_of(attempts: Iterable[ScoredAttempt]) -> list[float]:
    """The rewards of those that were scored."""
    return [reward for a in attempts if (reward := reward_of(a)) is not None]


def failure_of(attempt: ScoredAttempt) -> tuple[str, str] | None:
    """Who failed, `rollout` or `verifier`, and why; None for a scored attempt."""
    if reward_of(attempt) is not None:
        return None
    if attempt.rollout.failure is not None:
        return "rollout", attempt.rollout.failure
    if attempt.unusable and attempt.score.failure is not None:
        return "rollout", attempt.score.failure
    if attempt.reward is not None:
        return "verifier", f"the reward was {attempt.reward}"
    return "verifier", attempt.score.failure or "no reward and no reason given"


def attempts_of(groups: Iterable[AttemptGroup]) -> list[ScoredAttempt]:
    """All attempts."""
    return [attempt for group in groups for attempt in group.attempts]


def by_task(groups: Iterable[AttemptGroup]) -> dict[str, list[ScoredAttempt]]:
    """The attempts of each task that was attempted at all, in the order of the groups."""
    tasks: dict[str, list[ScoredAttempt]] = {}
    for group in groups:
        if group.attempts:
            tasks.setdefault(group.task.id, []).extend(group.attempts)
    return tasks


def counts(attempts: Sequence[ScoredAttempt]) -> AttemptCounts:
    """Count the attempts."""
    failures = [failure[0] for a in attempts if (failure := failure_of(a)) is not None]
    return AttemptCounts(
        attempts=len(attempts),
        scored=len(attempts) - len(failures),
        rollout_failures=failures.count("rollout"),
        verifier_failures=failures.count("verifier"),
        unusable=dict(Counter(a.unusable for a in attempts if a.unusable)),
    )


def use(attempts: Sequence[ScoredAttempt]) -> AttemptUse:
    """Add up what the attempts took."""
    rollouts = total(a.rollout.spent for a in attempts)
    calls = sum(a.rollout.tool_calls for a in attempts)
    size = len(attempts)
    return AttemptUse(
        tool_calls=calls,
        tool_calls_per_rollout=calls / size if size else None,
        tokens_per_attempt=rollouts.tokens / size if size else None,
        cost_per_attempt=rollouts.cost / size if size and rollouts.cost is not None else None,
        rollouts=rollouts,
        verification=total(a.score.spent for a in attempts),
    )


def mean_reward(attempts: Iterable[ScoredAttempt]) -> float | None:
    """The mean over the scored attempts; None where there is none."""
    rewards = rewards_of(attempts)
    return mean_of(rewards) if rewards else None


def mean_if(attempts: Sequence[ScoredAttempt], unscored: float) -> float:
    """The mean over all attempts, had each unscored one earned this."""
    rewards = rewards_of(attempts)
    return mean_of([*rewards, *[unscored] * (len(attempts) - len(rewards))])


def pass_at(attempts: Iterable[ScoredAttempt], threshold: float, k: int) -> float | None:
    """Pass@k of these attempts; None where fewer than k of them are scored."""
    rewards = rewards_of(attempts)
    if len(rewards) < k:
        return None
    return pass_at_k(len(rewards), sum(reward >= threshold for reward in rewards), k)


def reward_range(run: Run) -> Bounds:
    """What an attempt can have earned: 0 to 1, and beyond that as far as the run's rewards go."""
    groups = [g for part in (*run.steps, *run.evaluations) for g in part.groups]
    rewards = rewards_of(attempts_of(groups))
    return Bounds(low=min([UNIT.low, *rewards]), high=max([UNIT.high, *rewards]))


def pass_threshold(rewards: Bounds) -> float | None:
    """The reward that counts as a pass: 1 where all rewards lie in 0 to 1, otherwise None.

    Rewards of another scale have no natural threshold; the caller can name one.
    """
    return FULL_REWARD if rewards == UNIT else None
