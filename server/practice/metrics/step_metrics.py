"""A step of practice in figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from server.practice.metrics.attempt_metrics import (
    AttemptCounts,
    AttemptUse,
    attempts_of,
    counts,
    passes,
    rewards_of,
    use,
)
from server.practice.records import JournalRecord, PracticeStep, ScoredAttempt, Spent


class StepMetrics(JournalRecord):
    """A step in figures.

    Attributes:
        step: Its number, from 1 over all epochs.
        epoch: From 1.
        groups: Tasks attempted.
        groups_with_signal: Those whose rewards differ enough to learn from.
        counts: Attempts, by what became of them.
        mean_reward: Over the scored attempts; None where there is none.
        pass_rate: Passes over all attempts; None where passing has no meaning.
        use: What the attempts took.
        version_before: The library version that the attempts were given.
        version: That the step left behind.
        size: Experiences in it.
        changed: Operations that changed the library.
        refused: Operations proposed and refused.
        failed_updates: Updates that ended without a version because something failed.
        learning: What learning spent.
    """

    step: int
    epoch: int
    groups: int
    groups_with_signal: int
    counts: AttemptCounts
    mean_reward: float | None
    pass_rate: float | None
    use: AttemptUse
    version_before: int
    version: int
    size: int
    changed: int
    refused: int
    failed_updates: int
    learning: Spent


def step_metrics(step: PracticeStep, threshold: float | None) -> StepMetrics:
    """The figures of a step; without a threshold there is no pass rate."""
    attempts = attempts_of(step.groups)
    rewards = rewards_of(attempts)
    learned = step.learned
    return StepMetrics(
        step=step.number,
        epoch=step.epoch,
        groups=len(step.groups),
        groups_with_signal=sum(group.signal is True for group in step.groups),
        counts=counts(attempts),
        mean_reward=math.fsum(rewards) / len(rewards) if rewards else None,
        pass_rate=_pass_rate(attempts, threshold),
        use=use(attempts),
        version_before=learned.before,
        version=learned.version,
        size=learned.size,
        changed=len(learned.changes),
        refused=len(learned.refused),
        failed_updates=len(learned.failed),
        learning=learned.spent,
    )


def _pass_rate(attempts: Sequence[ScoredAttempt], threshold: float | None) -> float | None:
    if threshold is None or not attempts:
        return None
    return passes(attempts, threshold) / len(attempts)
