"""Why a run has no result to show: nothing was learned, or the library has nothing to serve."""

from __future__ import annotations

import math

from server.practice.metrics.attempt_metrics import attempts_of, rewards_of
from server.practice.metrics.formatting import number
from server.practice.records import Run
from server.practice.report.caveats import LONGEST, failures_of
from server.text import clipped, count

_EASY, _HARD = 0.95, 0.05  # mean rewards, on the usual scale of 0 to 1


def nothing_to_show(run: Run) -> str | None:
    """The run's headline if it learned nothing or had nothing to measure; None if it did.

    A run that was stopped may still learn something.
    """
    if run.stopped is not None:
        return None
    if run.steps:
        moved = any(s.learned.changes or s.learned.version != s.learned.before for s in run.steps)
        return None if moved else f"Nothing was learned: {_why(run)}"
    return None if run.unmeasured is None else f"Nothing to compare: {run.unmeasured}"


def _why(run: Run) -> str:
    groups = [group for step in run.steps for group in step.groups]
    rewards = rewards_of(attempts_of(groups))
    failed = [reason for step in run.steps for reason in step.learned.failed]
    refused = [refusal for step in run.steps for refusal in step.learned.refused]
    if groups and not rewards:
        return f"no attempt was scored, mostly because: {failures_of(run).listed[0].reason}"
    if groups and not any(group.signal for group in groups):
        return _alike(rewards)
    if failed:
        return clipped(failed[0], LONGEST)
    if refused:
        what = count(len(refused), "proposed change was refused", "proposed changes were refused")
        return f"{what}, first: {clipped(refused[0], LONGEST)}"
    return "the teacher found nothing to change"


def _alike(rewards: list[float]) -> str:
    """Rewards that do not differ within any task, and what may help."""
    mean = math.fsum(rewards) / len(rewards)
    if mean >= _EASY:
        hint = "the tasks may be too easy for this model"
    elif mean <= _HARD:
        hint = "the tasks may be too hard for this model, or --verifier misses correct answers"
    else:
        hint = "more attempts (--group-size) or a higher --temperature may differ"
    return (
        f"no task had attempts with different rewards (mean reward {number(mean)}), so there was "
        f"nothing to compare; {hint}"
    )
