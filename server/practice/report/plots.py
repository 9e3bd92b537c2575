"""The plots of a report."""

# pyright: reportUnknownMemberType=false
# Matplotlib's stubs leave **kwargs without a type; nothing else is let through.

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from server.practice.metrics.comparison import ArmComparison, Paired
from server.practice.metrics.estimates import Estimate
from server.practice.metrics.formatting import estimate, number
from server.practice.metrics.run_metrics import StepMetrics
from server.practice.report.drawing import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    RED,
    Plot,
    from_zero,
    key_above,
    over_steps,
    plot,
)
from server.practice.report.json_report import RunReport
from server.text import count

_GAP = float("nan")
_DENSE = 60  # more bars touch each other, more points hide their line
_FEWEST = 8  # below it, bars would be slabs


def plots_of(report: RunReport) -> tuple[list[Plot], list[Plot]]:
    """The plots of the comparison, and those of practice, as far as they show a difference."""
    compared = report.comparison
    steps = report.steps
    evaluated: list[Plot] = []
    if compared is not None and compared.mean is not None and compared.mean.gain.tasks > 1:
        evaluated = _compared(compared, compared.mean)
    calls = [step.use.tool_calls_per_rollout for step in steps]
    practised = {
        _rewards: _differ(s.mean_reward for s in steps) or _differ(s.pass_rate for s in steps),
        _growth: _differ(s.size for s in steps) or _differ(s.changed + s.refused for s in steps),
        _tool_calls: _differ(calls),
        _spending: _differ(s.use.rollouts.tokens for s in steps)
        or _differ(s.use.verification.tokens for s in steps)
        or _differ(s.learning.tokens for s in steps),
    }
    return evaluated, [draw(steps) for draw, shows in practised.items() if shows]


def _differ(values: Iterable[float | None]) -> bool:
    """Whether there is more than one value: a point, or a flat line, is in the table."""
    return len({value for value in values if value is not None}) > 1


def _numbers(steps: Sequence[StepMetrics]) -> list[int]:
    return [step.step for step in steps]


def _dot(steps: Sequence[StepMetrics], size: float) -> float:
    """The size of points, none where there would be too many."""
    return size if len(steps) <= _DENSE else 0


def _rewards(steps: Sequence[StepMetrics]) -> Plot:
    rewards = [_GAP if step.mean_reward is None else step.mean_reward for step in steps]
    rates = [_GAP if step.pass_rate is None else step.pass_rate for step in steps]
    # rewards of 0 and 1 alone have their pass rate for a mean
    rated = any(step.pass_rate not in (None, step.mean_reward) for step in steps)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot(
            _numbers(steps), rewards, "o-", color=BLUE, label="mean reward", ms=_dot(steps, 4)
        )
        if rated:
            axes.plot(
                _numbers(steps),
                rates,
                "s--",
                color=RED,
                label="pass rate",
                mfc="none",
                ms=_dot(steps, 7),
            )
        from_zero(axes, (value for step in steps for value in (step.mean_reward, step.pass_rate)))
        key_above(axes)
        over_steps(axes, "step")

    first, last = steps[0], steps[-1]
    end = f", {number(last.mean_reward)} in step {last.step}" if len(steps) > 1 else ""
    caption = (
        f"Mean reward over scored attempts: {number(first.mean_reward)} in step {first.step}{end}. "
        + ("Each step has other tasks, so this does not measure a gain." if end else "")
    )
    return plot("reward", "Reward in practice", caption, draw)


def _growth(steps: Sequence[StepMetrics]) -> Plot:
    numbers = _numbers(steps)
    changed = [step.changed for step in steps]
    refused = [step.refused for step in steps]

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        above.plot(numbers, [step.size for step in steps], "o-", color=BLUE, ms=_dot(steps, 4))
        above.set_ylabel("experiences")
        from_zero(above, [step.size for step in steps])
        above.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        below.bar(numbers, changed, color=BLUE, label="changes", width=0.6)
        below.bar(numbers, refused, bottom=changed, color=RED, label="refused", width=0.6)
        below.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        key_above(below)
        over_steps(below, "step")

    end = f", {steps[-1].size:,} after step {steps[-1].step}" if len(steps) > 1 else ""
    caption = (
        f"{count(steps[0].size, 'experience')} after step {steps[0].step}{end}; "
        f"{count(sum(changed), 'change')} made, {sum(refused):,} refused."
    )
    return plot("growth", "Growth of the library", caption, draw, height=3.6)


def _tool_calls(steps: Sequence[StepMetrics]) -> Plot:
    calls = [step.use.tool_calls_per_rollout for step in steps]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        known = [_GAP if value is None else value for value in calls]
        axes.plot(_numbers(steps), known, "o-", color=BLUE, ms=_dot(steps, 4))
        from_zero(axes, calls)
        over_steps(axes, "step")

    caption = (
        f"Mean over all attempts of a step, unfinished ones too: {number(calls[0])} in step "
        f"{steps[0].step}, {number(calls[-1])} in step {steps[-1].step}."
    )
    return plot("calls", "Tool calls per attempt", caption, draw)


def _spending(steps: Sequence[StepMetrics]) -> Plot:
    purposes = [
        ("learning", BLUE, [step.learning for step in steps]),
        ("attempts", GREEN, [step.use.rollouts for step in steps]),
        ("verification", RED, [step.use.verification for step in steps]),
    ]
    shown = [p for p in purposes if p[0] != "verification" or any(s.calls for s in p[2])]
    priced = any(spent.cost is not None for _, _, all_spent in shown for spent in all_spent)

    def draw(figure: Figure) -> None:
        panels: list[Axes] = list(figure.subplots(2 if priced else 1, 1, squeeze=False)[:, 0])
        tokens = [(name, colour, [s.tokens / 1000 for s in all_]) for name, colour, all_ in shown]
        _stacked(panels[0], _numbers(steps), tokens)
        panels[0].set_ylabel("thousand tokens")
        key_above(panels[0])
        if priced:
            costs = [(name, colour, [s.cost or 0 for s in all_]) for name, colour, all_ in shown]
            _stacked(panels[1], _numbers(steps), costs)
            panels[1].set_ylabel("cost")
        over_steps(panels[-1], "step")

    spent = "; ".join(f"{name} {sum(s.tokens for s in all_):,}" for name, _, all_ in shown)
    caption = f"Tokens over all steps: {spent}." + (
        " Cost in the currency of the prices." if priced else " No prices are configured."
    )
    height = 4.2 if priced else 3.0
    return plot("spending", "Tokens and cost of practice", caption, draw, height=height)


def _stacked(
    axes: Axes, numbers: Sequence[int], parts: Sequence[tuple[str, str, Sequence[float]]]
) -> None:
    bottom = [0.0] * len(numbers)
    for name, colour, values in parts:
        axes.bar(numbers, values, bottom=bottom, color=colour, label=name, width=0.6)
        bottom = [below + value for below, value in zip(bottom, values, strict=True)]


def _compared(found: ArmComparison, mean: Paired) -> list[Plot]:
    """Of the tasks that were scored in both arms, if any of them changed."""
    pairs = [
        (pair.without, pair.with_library, pair.gain)
        for pair in found.per_task
        if pair.without is not None and pair.with_library is not None and pair.gain is not None
    ]
    if not any(gain for *_, gain in pairs):
        return []
    lines = [((0, before), (1, after)) for before, after, _ in pairs]
    unscored = found.counts_without.unscored + found.counts_with.unscored
    note = f" {count(unscored, 'unscored attempt')} left out." if unscored else ""
    return [
        _before_and_after(found.k, mean, lines, note),
        _gains(mean, [gain for *_, gain in pairs]),
    ]


def _before_and_after(
    k: int, mean: Paired, lines: Sequence[tuple[tuple[int, float], tuple[int, float]]], note: str
) -> Plot:
    without, with_library = mean.without, mean.with_library

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        opacity = max(0.12, min(0.6, 12 / len(lines)))
        axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=1, alpha=opacity))
        axes.plot([0, 1], [without.value, with_library.value], color=INK, lw=1.5)
        _point(axes, 0, without, RED)
        _point(axes, 1, with_library, BLUE)
        axes.set_xticks([0, 1], ["without", "with the library"])
        axes.set_xlim(-0.25, 1.25)
        axes.set_ylabel("mean reward of a task")

    caption = (
        f"Mean@{k} {estimate(without)} without, {estimate(with_library)} with the library; "
        f"thick points with 95% intervals, a thin line for each of {count(len(lines), 'task')}."
        + note
    )
    return plot("pairs", "Before and after", caption, draw, height=3.4)


def _point(axes: Axes, x: float, found: Estimate, colour: str) -> None:
    """A mean, with a bar for its interval."""
    spread = None
    if found.interval is not None:
        low, high = found.interval.low, found.interval.high
        spread = [[max(0, found.value - low)], [max(0, high - found.value)]]
    axes.errorbar([x], [found.value], yerr=spread, fmt="o", color=colour, ms=8, lw=3, capsize=6)


def _gains(paired: Paired, unsorted: Sequence[float]) -> Plot:
    gains = sorted(unsorted)
    mean = paired.gain

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        colours = [RED if gain < 0 else BLUE for gain in gains]
        dense = len(gains) > _DENSE
        ranks = range(1, len(gains) + 1)
        axes.bar(ranks, gains, color=colours, width=1 if dense else 0.8, aa=not dense)
        beside = 1 + max(0, _FEWEST - len(gains)) / 2
        axes.set_xlim(1 - beside, len(gains) + beside)
        label = "mean gain"
        if mean.interval is not None:
            label += ", 95% interval"
            low, high = mean.interval.low, mean.interval.high
            axes.axhspan(low, high, color=GREEN, alpha=0.25, lw=0, zorder=0.5)
        axes.axhline(mean.value, color=GREEN, lw=1.5, ls="--", label=label)
        axes.axhline(0, color=INK, lw=0.8)
        key_above(axes)
        over_steps(axes, "tasks, by gain")
        if len(gains) <= _FEWEST:
            axes.set_xticks(ranks)
        axes.set_ylabel("gain in mean reward")

    lost = sum(gain < 0 for gain in gains)
    won = sum(gain > 0 for gain in gains)
    caption = (
        f"With the library {count(won, 'task')} did better, {lost:,} worse, "
        f"{len(gains) - won - lost:,} the same; mean gain {estimate(mean, signed=True)}."
    )
    return plot("gains", "Gain of each task", caption, draw, height=3.4)
