"""The report in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from server.practice.metrics.attempt_metrics import AttemptCounts, Bounds
from server.practice.metrics.comparison import ArmComparison, Extremes, Paired
from server.practice.metrics.estimates import Estimate
from server.practice.metrics.formatting import ARROW, NONE, estimate, money, number, p_value
from server.practice.metrics.run_metrics import ArmMetrics
from server.practice.records import Run, Spent
from server.practice.report.caveats import PURPOSES, UNUSABLE
from server.practice.report.json_report import RunReport
from server.text import clipped, count


def report_lines(run: Run, report: RunReport) -> list[str]:
    """The same as on the page, without tables and plots."""
    return [
        *([] if report.nothing is None else [report.nothing]),
        f"Run {clipped(run.name, 80)}, library {clipped(run.library, 80)}",
        *_compared(report),
        *_arms(report),
        *_practised(report),
        *_spent(report),
        *_failed(report),
        *(f"Note: {note}" for note in report.notes),
    ]


def headline(report: RunReport) -> str:
    """The run's result, in a line."""
    if report.nothing is not None:
        return report.nothing
    found = report.comparison
    if found is not None:
        return f"Mean@{found.k} {_before_and_after(found.mean)}{_unscored_beside(found)}"
    if report.arms:
        arm = report.arms[-1]
        beside = f"; {unscored(arm.counts)}" if arm.counts.unscored else ""
        return f"Mean@{arm.k} {arm.arm} the library {number(_value(arm.mean))}{beside}"
    rewards = [step.mean_reward for step in report.steps if step.mean_reward is not None]
    if not rewards:
        return "Nothing was scored"
    end = f" {ARROW} {number(rewards[-1])}" if len(rewards) > 1 else ""
    return f"Mean reward in practice {number(rewards[0])}{end}{_unscored_in_practice(report)}"


def _before_and_after(paired: Paired | None) -> str:
    if paired is None:
        return "unknown: no task has scored attempts in both arms"
    return f"{number(paired.without.value)} {ARROW} {number(paired.with_library.value)}"


def _unscored_beside(found: ArmComparison) -> str:
    """What the figures leave out, if they leave out anything."""
    without, with_library = found.counts_without, found.counts_with
    if not without.unscored and not with_library.unscored:
        return ""
    return f"; without: {unscored(without)}, with: {unscored(with_library)}"


def _unscored_in_practice(report: RunReport) -> str:
    found = sum(step.counts.unscored for step in report.steps)
    attempts = sum(step.counts.attempts for step in report.steps)
    return f"; {found:,} of {count(attempts, 'attempt')} unscored" if found else ""


def _value(found: Estimate | None) -> float | None:
    return None if found is None else found.value


def cost_sentence(report: RunReport) -> str:
    """What the run took, by purpose: in money if there are prices, otherwise in tokens."""
    found = report.totals
    if not found.whole.calls:
        return "No calls of language models were recorded."
    parts = [
        f"{PURPOSES[name]} {f'{spent.tokens:,}' if found.whole.cost is None else money(spent.cost)}"
        for name, spent in found.parts.items()
        if spent.calls
    ]
    by_purpose = f": {'; '.join(parts)}" if len(parts) > 1 else ""
    return f"It took {count(found.whole.calls, 'call')}, {amount(found.whole)}{by_purpose}."


def amount(spent: Spent) -> str:
    """`12,000 tokens, cost 0.40`; "about" stands before what is estimated."""
    tokens = f"{'about ' if spent.estimated else ''}{count(spent.tokens, 'token')}"
    return tokens if spent.cost is None else f"{tokens}, cost {money(spent.cost)}"


def unscored(found: AttemptCounts) -> str:
    """`4 of 120 attempts unscored (3 cut at the token limit, 1 by verifier)`."""
    text = f"{found.unscored:,} of {count(found.attempts, 'attempt')} unscored"
    parts = {UNUSABLE[kind]: times for kind, times in found.unusable.items()}
    parts["failed"] = found.rollout_failures - sum(parts.values())
    parts["by verifier"] = found.verifier_failures
    why = ", ".join(f"{times:,} {what}" for what, times in parts.items() if times)
    return f"{text} ({why})" if why else text


def bounds(found: Bounds) -> str:
    """What a mean would be whatever the unscored attempts earned."""
    return f"with all unscored at worst or at best {number(found.low)} to {number(found.high)}"


def extremes(found: Extremes) -> str:
    """What the gain would be whatever the unscored attempts earned."""
    low, high = number(found.low, signed=True), number(found.high, signed=True)
    return f"Whatever the unscored ones would have earned, the gain is {low} to {high}"


def of_tasks(found: Estimate | None, whole: ArmMetrics | ArmComparison) -> str:
    """Of how many tasks a figure is, where it is not of all."""
    return "" if found is None or found.tasks == whole.tasks else f", {count(found.tasks, 'task')}"


def _compared(report: RunReport) -> Iterator[str]:
    found, judged = report.comparison, report.verdict
    if found is None or judged is None:
        return
    mean = found.mean
    if mean is not None:
        yield f"Mean@{found.k}: {estimate(mean.without)} {ARROW} {estimate(mean.with_library)}"
    yield f"Without: {unscored(found.counts_without)}; with: {unscored(found.counts_with)}"
    if found.extremes is not None:
        yield extremes(found.extremes)
    yield judged.sentence
    for at in found.pass_at[-1:]:
        paired = at.paired
        yield (
            f"Pass@{at.k} (reward of {number(found.threshold)} or more): "
            f"{estimate(paired.without)} {ARROW} {estimate(paired.with_library)}, "
            f"gain {estimate(paired.gain, signed=True)}, {p_value(paired.test)}"
            f"{of_tasks(paired.gain, found)}"
        )
    yield from _beside(found)


def _beside(found: ArmComparison) -> Iterator[str]:
    """What has to stand beside the figures."""
    before, after = found.use_without, found.use_with
    calls, calls_after = before.tool_calls_per_rollout, after.tool_calls_per_rollout
    per_attempt = [
        f"{number(before.tokens_per_attempt)} {ARROW} {number(after.tokens_per_attempt)} tokens",
        f"{number(calls)} {ARROW} {number(calls_after)} tool calls",
    ]
    if before.cost_per_attempt is not None or after.cost_per_attempt is not None:
        costs = f"{money(before.cost_per_attempt)} {ARROW} {money(after.cost_per_attempt)}"
        per_attempt.append(f"cost {costs}")
    yield f"Per attempt: {', '.join(per_attempt)}"
    if found.only_without or found.only_with:
        yield (
            f"Left out because only one arm has them: {found.only_without:,} without, "
            f"{found.only_with:,} with the library"
        )
    measured = 0 if found.mean is None else found.mean.gain.tasks
    if measured < found.tasks:
        yield (
            f"Left out because no attempt was scored in one arm: "
            f"{count(found.tasks - measured, 'task')} of {found.tasks:,}"
        )


def _arms(report: RunReport) -> Iterator[str]:
    if report.comparison is not None:
        return
    for arm in report.arms:
        passed = "".join(
            f", Pass@{at.k} {estimate(at.estimate)}{of_tasks(at.estimate, arm)}"
            for at in arm.pass_at[-1:]
        )
        mean = f"{estimate(arm.mean)}{of_tasks(arm.mean, arm)}"
        scope = f"{count(arm.tasks, 'task')}, {unscored(arm.counts)}"
        if arm.bounds is not None:
            scope += f"; {bounds(arm.bounds)}"
        yield f"{arm.arm} the library: Mean@{arm.k} {mean}{passed}; {scope}"


def _practised(report: RunReport) -> Iterator[str]:
    if not report.steps:
        return
    first, last = report.steps[0], report.steps[-1]
    end = f" {ARROW} {number(last.mean_reward)} (different tasks)" if first is not last else ""
    steps = count(len(report.steps), "step")
    beside = _unscored_in_practice(report)
    yield f"Practice: {steps}, mean reward {number(first.mean_reward)}{end}{beside}"
    changed = sum(step.changed for step in report.steps)
    refused = sum(step.refused for step in report.steps)
    yield (
        f"Library: version {first.version_before} {ARROW} {last.version}, "
        f"{count(last.size, 'experience')}, {count(changed, 'change')}, {refused:,} refused"
    )


def _spent(report: RunReport) -> Iterator[str]:
    found = report.totals
    if not found.whole.calls:
        return
    yield f"Spent: {count(found.whole.calls, 'call')}, {amount(found.whole)}"
    for name, spent in found.parts.items():
        if spent.calls:
            yield f"  {PURPOSES[name]}: {amount(spent)}"


def _failed(report: RunReport) -> Iterator[str]:
    found = report.failures
    if found.times:
        worst = found.listed[0]
        what = clipped(worst.reason, 100) or NONE
        yield f"Failures: {found.times:,}; most often ({worst.times:,} times): {what}"
