"""Figures of attempts: rewards, passes, failures, and what they used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from server.practice.metrics.estimates import pass_at_k
from server.practice.records import AttemptGroup, JournalRecord, Run, ScoredAttempt, Spent, total

FULL_REWARD = 1.0


class AttemptCounts(JournalRecord):
    """How many attempts there were and what became of them.

    Attributes:
        attempts: All of them.
        scored: Those with a reward.
        rollout_failures: Those without, because the rollout failed.
        verifier_failures: Those without, because the verifier was unavailable (or gave a reward
            that is not a real number).
    """

    attempts: int
    scored: int
    rollout_failures: int
    verifier_failures: int

    @property
    def unscored(self) -> int:
        """Those without a reward."""
        return self.rollout_failures + self.verifier_failures


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


def passes(attempts: Iterable[ScoredAttempt], threshold: float) -> int:
    """How many passed: a reward of the threshold or more. Unscored attempts do not pass."""
    return sum(reward >= threshold for reward in rewards_of(attempts))


def mean_reward(attempts: Sequence[ScoredAttempt]) -> float:
    """The mean over all attempts of a task; an unscored one earns nothing."""
    return math.fsum(rewards_of(attempts)) / len(attempts)


def mean_scored(attempts: Sequence[ScoredAttempt]) -> float | None:
    """The mean over the scored attempts of a task; None where there is none."""
    rewards = rewards_of(attempts)
    return math.fsum(rewards) / len(rewards) if rewards else None


def pass_at(attempts: Sequence[ScoredAttempt], threshold: float, k: int) -> float | None:
    """Pass@k of a task; None where it was attempted fewer than k times."""
    if len(attempts) < k:
        return None
    return pass_at_k(len(attempts), passes(attempts, threshold), k)


def pass_threshold(run: Run) -> float | None:
    """The reward that counts as a pass: 1 where all rewards lie in 0 to 1, otherwise None.

    Rewards of another scale have no natural threshold; the caller can name one.
    """
    groups = [g for part in (*run.steps, *run.evaluations) for g in part.groups]
    rewards = rewards_of(attempts_of(groups))
    return FULL_REWARD if all(0 <= reward <= FULL_REWARD for reward in rewards) else None
