"""With the library against without it, on the same tasks.

Tasks are paired by id: tasks differ far more from each other than the arms do, and pairing takes
that out. A task that only one arm has says nothing here; it is left out and counted.

The verdict goes by the sign-flip test at 5%. The bootstrap interval says how large the gain may
be, and is printed with it, but it is a little too narrow for few tasks, while the test keeps its
5% for any number. Where the two disagree the test decides and the verdict says so. The verdict is
about Mean@K; the tests of Pass@k are beside it and are not corrected for being several.

Figures are of scored attempts. What the unscored ones would have earned is not known, so the gain
is given for both extremes, too: as if they had done as badly as possible with the library and as
well as possible without it, and the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from server.practice.metrics.attempt_metrics import (
    AttemptCounts,
    AttemptUse,
    Bounds,
    by_task,
    counts,
    mean_if,
    mean_reward,
    pass_at,
    reward_range,
    use,
)
from server.practice.metrics.estimates import Estimate, SignFlip, estimate, mean_of, sign_flip
from server.practice.metrics.run_metrics import planned, steps_to
from server.practice.metrics.task_names import names_of
from server.practice.records import Arm, Evaluation, JournalRecord, Run, ScoredAttempt

Pair = tuple[Sequence[ScoredAttempt], Sequence[ScoredAttempt]]


class Paired(JournalRecord):
    """One figure without and with the library, over the same tasks.

    Attributes:
        without: The figure without the library.
        with_library: With it.
        gain: The mean of the paired differences.
        test: Whether the differences are centred on 0.
    """

    without: Estimate
    with_library: Estimate
    gain: Estimate
    test: SignFlip


class PairedPass(JournalRecord):
    """Pass@k without and with the library."""

    k: int
    paired: Paired


class Extremes(JournalRecord):
    """The gain over all attempts, had the unscored ones earned as little or as much as possible.

    Attributes:
        low: The mean gain if they earned the least with the library and the most without it.
        high: The other way round.
        low_test: Whether the differences of `low` are centred on 0.
        high_test: The same of `high`.
    """

    low: float
    high: float
    low_test: SignFlip
    high_test: SignFlip


class TaskPair(JournalRecord):
    """A task in both arms: the mean reward of its scored attempts.

    Attributes:
        task: Its id.
        text: Its text, shortened.
        without: None where no attempt without the library is scored.
        with_library: None where no attempt with it is scored.
        gain: None where either is.
        unscored_without: How many attempts are unscored without the library.
        unscored_with: With it.
    """

    task: str
    text: str
    without: float | None
    with_library: float | None
    gain: float | None
    unscored_without: int
    unscored_with: int


class ArmComparison(JournalRecord):
    """The arms side by side, over the tasks they share.

    Attributes:
        k: Attempts planned per task.
        version: The library's version.
        tasks: Shared tasks.
        only_without: Tasks left out because only the arm without the library has them.
        only_with: The other way round.
        mean: Mean@K of scored attempts, which the verdict is about, over the tasks that have one in
            both arms; None where none has.
        extremes: The gain whatever the unscored attempts earned; None where all are scored.
        threshold: A reward from here on is a pass; None where passing has no meaning.
        pass_at: Pass@k for k = 1, 2, 4, ... and K; empty without a threshold.
        counts_without: Attempts without the library, over the shared tasks.
        counts_with: With it.
        use_without: What the attempts without the library took, over the shared tasks.
        use_with: With it.
        per_task: The shared tasks, the largest gain or loss first.
    """

    k: int
    version: int | None
    tasks: int
    only_without: int
    only_with: int
    mean: Paired | None
    extremes: Extremes | None
    threshold: float | None
    pass_at: list[PairedPass]
    counts_without: AttemptCounts
    counts_with: AttemptCounts
    use_without: AttemptUse
    use_with: AttemptUse
    per_task: list[TaskPair]


def arm_of(run: Run, arm: Arm) -> Evaluation | None:
    """The arm, if it attempted anything; the last one if there are several."""
    found = [e for e in run.evaluations if e.arm == arm and by_task(e.groups)]
    return found[-1] if found else None


def comparison(run: Run, threshold: float | None) -> ArmComparison | None:
    """Compare the arms; None where they have no task in common."""
    without, with_library = arm_of(run, "without"), arm_of(run, "with")
    if without is None or with_library is None:
        return None
    before, after = by_task(without.groups), by_task(with_library.groups)
    pairs = {task: (before[task], after[task]) for task in before if task in after}
    if not pairs:
        return None
    all_before = [attempt for pair in pairs.values() for attempt in pair[0]]
    all_after = [attempt for pair in pairs.values() for attempt in pair[1]]
    k = planned([without, with_library])
    both = list(pairs.values())
    return ArmComparison(
        k=k,
        version=with_library.version,
        tasks=len(pairs),
        only_without=len(before) - len(pairs),
        only_with=len(after) - len(pairs),
        mean=_paired_where(both, mean_reward),
        extremes=_extremes(both, reward_range(run)),
        threshold=threshold,
        pass_at=[] if threshold is None else _paired_passes(both, k, threshold),
        counts_without=counts(all_before),
        counts_with=counts(all_after),
        use_without=use(all_before),
        use_with=use(all_after),
        per_task=_per_task(pairs, names_of(group.task for group in without.groups)),
    )


def difference(before: float, after: float) -> float:
    """The gain, 0 where the two differ by rounding only."""
    alike = math.isclose(before, after, rel_tol=1e-9, abs_tol=1e-12)
    return 0.0 if alike else after - before


def _paired(figures: Sequence[tuple[float, float]]) -> Paired:
    """A figure in both arms, task by task."""
    gains = [difference(before, after) for before, after in figures]
    return Paired(
        without=estimate([before for before, _ in figures]),
        with_library=estimate([after for _, after in figures]),
        gain=estimate(gains),
        test=sign_flip(gains),
    )


def _paired_where(
    pairs: Iterable[Pair], figure: Callable[[Sequence[ScoredAttempt]], float | None]
) -> Paired | None:
    """The same over the tasks that have the figure in both arms; None where none has."""
    figures = [(figure(before), figure(after)) for before, after in pairs]
    found = [(b, a) for b, a in figures if b is not None and a is not None]
    return _paired(found) if found else None


def _extremes(pairs: Sequence[Pair], rewards: Bounds) -> Extremes | None:
    if not any(counts(attempts).unscored for pair in pairs for attempts in pair):
        return None
    low, high = (
        [
            difference(mean_if(before, if_without), mean_if(after, if_with))
            for before, after in pairs
        ]
        for if_without, if_with in ((rewards.high, rewards.low), (rewards.low, rewards.high))
    )
    return Extremes(
        low=mean_of(low), high=mean_of(high), low_test=sign_flip(low), high_test=sign_flip(high)
    )


def _paired_passes(pairs: Sequence[Pair], k: int, threshold: float) -> list[PairedPass]:
    made = [(size, _paired_where(pairs, _pass_figure(threshold, size))) for size in steps_to(k)]
    return [PairedPass(k=size, paired=paired) for size, paired in made if paired is not None]


def _pass_figure(threshold: float, k: int) -> Callable[[Sequence[ScoredAttempt]], float | None]:
    return lambda attempts: pass_at(attempts, threshold, k)


def _per_task(pairs: Mapping[str, Pair], names: Mapping[str, str]) -> list[TaskPair]:
    found: list[TaskPair] = []
    for task, (before, after) in pairs.items():
        one, two = mean_reward(before), mean_reward(after)
        gain = None if one is None or two is None else difference(one, two)
        found.append(
            TaskPair(
                task=task,
                text=names[task],
                without=one,
                with_library=two,
                gain=gain,
                unscored_without=counts(before).unscored,
                unscored_with=counts(after).unscored,
            )
        )
    return sorted(found, key=_largest_first)


def _largest_first(pair: TaskPair) -> tuple[float, float, float]:
    """The largest gain or loss first, and what is not known last."""
    if pair.gain is None:
        return (1, 0, 0)
    return (-abs(pair.gain), pair.gain, pair.without or 0)
