"""An arm of an evaluation in figures: Mean@K and Pass@K.

Failures stay in the denominator: an unscored attempt earns nothing and does not pass, so an agent
gains nothing by breaking off where it would have done badly. How many there were stands beside
the figure, and so does the mean over the scored attempts only, which errs in the other direction.
Where rewards can be below 0, earning nothing is not a penalty; then the second figure is the one to
read.

K is the number of attempts planned per task: the largest group of the evaluation. Where a task
has fewer attempts, because the run stopped, its mean is over those it has, it stays out of Pass@k
for larger k, and `short_tasks` counts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from server.practice.metrics.attempt_metrics import (
    AttemptCounts,
    AttemptUse,
    attempts_of,
    by_task,
    counts,
    mean_reward,
    mean_scored,
    pass_at,
    use,
)
from server.practice.metrics.estimates import Estimate, estimate
from server.practice.records import Arm, Evaluation, JournalRecord, ScoredAttempt


class PassAt(JournalRecord):
    """The chance that one of k attempts passes; over the tasks attempted k times or more."""

    k: int
    estimate: Estimate


class ArmMetrics(JournalRecord):
    """An arm in figures.

    Attributes:
        arm: `without` the library or `with` it.
        version: The library's version; None without it.
        k: Attempts planned per task.
        tasks: Tasks that were attempted.
        short_tasks: Those of them with fewer than k attempts.
        counts: Attempts, by what became of them.
        mean: Mean@K; an unscored attempt earns nothing.
        mean_scored: Over scored attempts only, and tasks that have one; None where none has.
        threshold: A reward from here on is a pass; None where passing has no meaning.
        pass_at: Pass@k for k = 1, 2, 4, ... and K; empty without a threshold.
        use: What the attempts took.
    """

    arm: Arm
    version: int | None
    k: int
    tasks: int
    short_tasks: int
    counts: AttemptCounts
    mean: Estimate
    mean_scored: Estimate | None
    threshold: float | None
    pass_at: list[PassAt]
    use: AttemptUse


def planned(evaluations: Iterable[Evaluation]) -> int:
    """K: the largest number of attempts at a task in any arm."""
    sizes = (len(a) for arm in evaluations for a in by_task(arm.groups).values())
    return max(sizes, default=0)


def steps_to(k: int) -> list[int]:
    """1, 2, 4, ... below k, and k."""
    return [*(2**i for i in range(k.bit_length()) if 2**i < k), k]


def arm_metrics(arm: Evaluation, k: int, threshold: float | None) -> ArmMetrics | None:
    """The figures of an arm; None where nothing was attempted."""
    tasks = by_task(arm.groups)
    if not tasks:
        return None
    attempts = attempts_of(arm.groups)
    scored = [mean for a in tasks.values() if (mean := mean_scored(a)) is not None]
    return ArmMetrics(
        arm=arm.arm,
        version=arm.version,
        k=k,
        tasks=len(tasks),
        short_tasks=sum(len(a) < k for a in tasks.values()),
        counts=counts(attempts),
        mean=estimate([mean_reward(a) for a in tasks.values()]),
        mean_scored=estimate(scored) if scored else None,
        threshold=threshold,
        pass_at=[] if threshold is None else _passes(tasks, k, threshold),
        use=use(attempts),
    )


def _passes(tasks: Mapping[str, Sequence[ScoredAttempt]], k: int, threshold: float) -> list[PassAt]:
    found: list[PassAt] = []
    for size in steps_to(k):
        rates = [r for a in tasks.values() if (r := pass_at(a, threshold, size)) is not None]
        if rates:
            found.append(PassAt(k=size, estimate=estimate(rates)))
    return found
