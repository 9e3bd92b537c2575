"""The arms and steps of a run in figures, and what it spent. An arm has Mean@K and Pass@K.

A measurement that failed is no figure: means and Pass@k are of scored attempts, and a task without
one is left out. An agent could gain by breaking off where it would have done badly; so how many are
unscored, and why, stands beside the figure, and so does what it would be had all of them earned the
least, and the most, that rewards can be.

K is the number of attempts planned per task: the largest group of the evaluation. Where a task
has fewer scored attempts its mean is over those it has, it stays out of Pass@k for larger k, and
`short_tasks` counts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from server.practice.metrics.attempt_metrics import (
    UNIT,
    AttemptCounts,
    AttemptUse,
    Bounds,
    attempts_of,
    by_task,
    counts,
    mean_if,
    mean_reward,
    pass_at,
    rewards_of,
    use,
)
from server.practice.metrics.estimates import Estimate, estimate, mean_of
from server.practice.records import (
    Arm,
    AttemptGroup,
    Evaluation,
    JournalRecord,
    PracticeStep,
    Run,
    ScoredAttempt,
    Spent,
    total,
)


class PassAt(JournalRecord):
    """The chance that one of k attempts passes; over the tasks with k scored attempts or more."""

    k: int
    estimate: Estimate


class ArmMetrics(JournalRecord):
    """An arm in figures.

    Attributes:
        arm: `without` the library or `with` it.
        version: The library's version; None without it.
        k: Attempts planned per task.
        tasks: Tasks that were attempted.
        short_tasks: Those of them with fewer than k scored attempts.
        counts: Attempts, by what became of them.
        mean: Mean@K of scored attempts, over tasks that have one; None where none has.
        bounds: Mean@K over all attempts, had the unscored ones earned the least or the most that
            rewards can be; None where all are scored.
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
    mean: Estimate | None
    bounds: Bounds | None
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


def arm_metrics(
    arm: Evaluation, k: int, threshold: float | None, rewards: Bounds = UNIT
) -> ArmMetrics | None:
    """The figures of an arm; None where nothing was attempted.

    Args:
        arm: The arm.
        k: Attempts planned per task.
        threshold: The reward that counts as a pass, if there is one.
        rewards: What an attempt can earn.
    """
    tasks = by_task(arm.groups)
    if not tasks:
        return None
    attempts = attempts_of(arm.groups)
    means = [mean for a in tasks.values() if (mean := mean_reward(a)) is not None]
    return ArmMetrics(
        arm=arm.arm,
        version=arm.version,
        k=k,
        tasks=len(tasks),
        short_tasks=sum(len(rewards_of(a)) < k for a in tasks.values()),
        counts=counts(attempts),
        mean=estimate(means) if means else None,
        bounds=_bounds(list(tasks.values()), rewards),
        threshold=threshold,
        pass_at=[] if threshold is None else _passes(tasks, k, threshold),
        use=use(attempts),
    )


def _bounds(tasks: Sequence[Sequence[ScoredAttempt]], rewards: Bounds) -> Bounds | None:
    if not any(counts(attempts).unscored for attempts in tasks):
        return None
    low, high = (
        mean_of([mean_if(attempts, reward) for attempts in tasks])
        for reward in (rewards.low, rewards.high)
    )
    return Bounds(low=low, high=high)


def _passes(tasks: Mapping[str, Sequence[ScoredAttempt]], k: int, threshold: float) -> list[PassAt]:
    found: list[PassAt] = []
    for size in steps_to(k):
        rates = [r for a in tasks.values() if (r := pass_at(a, threshold, size)) is not None]
        if rates:
            found.append(PassAt(k=size, estimate=estimate(rates)))
    return found


class StepMetrics(JournalRecord):
    """A step in figures.

    Attributes:
        step: Its number, from 1 over all epochs.
        epoch: From 1.
        groups: Tasks attempted.
        groups_with_signal: Those whose rewards differ enough to learn from.
        counts: Attempts, by what became of them.
        mean_reward: Over the scored attempts; None where there is none.
        pass_rate: Passes among the scored attempts; None where there is none, or passing has no
            meaning.
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
    learned = step.learned
    return StepMetrics(
        step=step.number,
        epoch=step.epoch,
        groups=len(step.groups),
        groups_with_signal=sum(group.signal is True for group in step.groups),
        counts=counts(attempts),
        mean_reward=mean_reward(attempts),
        pass_rate=None if threshold is None else pass_at(attempts, threshold, 1),
        use=use(attempts),
        version_before=learned.before,
        version=learned.version,
        size=learned.size,
        changed=len(learned.changes),
        refused=len(learned.refused),
        failed_updates=len(learned.failed),
        learning=learned.spent,
    )


class SpendingTotals(JournalRecord):
    """What a run spent. `whole` is the sum of the six purposes.

    Attributes:
        practice_rollouts: Inference in practice.
        practice_verification: Verifiers in practice that asked a language model.
        learning: What turned groups into experiences.
        evaluation_rollouts: Inference in evaluation, all arms.
        evaluation_verification: Verifiers in evaluation.
        lost: Attempts and steps that failed, were unfinished, or redone.
        whole: All of it.
        unpriced: The purposes that made calls but have no cost; `whole` lacks theirs.
    """

    practice_rollouts: Spent
    practice_verification: Spent
    learning: Spent
    evaluation_rollouts: Spent
    evaluation_verification: Spent
    lost: Spent = Spent()
    whole: Spent
    unpriced: list[str]

    @property
    def parts(self) -> dict[str, Spent]:
        """What was spent for each purpose."""
        return {
            "practice_rollouts": self.practice_rollouts,
            "practice_verification": self.practice_verification,
            "learning": self.learning,
            "evaluation_rollouts": self.evaluation_rollouts,
            "evaluation_verification": self.evaluation_verification,
            "lost": self.lost,
        }


def totals(run: Run) -> SpendingTotals:
    """Add up what the run spent."""
    practised, verified = _spent(group for step in run.steps for group in step.groups)
    evaluated, judged = _spent(group for arm in run.evaluations for group in arm.groups)
    parts = {
        "practice_rollouts": practised,
        "practice_verification": verified,
        "learning": total(step.learned.spent for step in run.steps),
        "evaluation_rollouts": evaluated,
        "evaluation_verification": judged,
        "lost": run.lost,
    }
    unpriced = [purpose for purpose, spent in parts.items() if spent.calls and spent.cost is None]
    return SpendingTotals(**parts, whole=total(parts.values()), unpriced=unpriced)


def _spent(groups: Iterable[AttemptGroup]) -> tuple[Spent, Spent]:
    """For rollouts, and for verifying."""
    attempts = attempts_of(groups)
    return total(a.rollout.spent for a in attempts), total(a.score.spent for a in attempts)
