"""Why a run has no result to show: nothing was learned, to be compared, or scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from server.practice.metrics.attempt_metrics import attempts_of, failure_of, rewards_of
from server.practice.metrics.estimates import mean_of
from server.practice.metrics.formatting import number
from server.practice.records import Run, ScoredAttempt
from server.practice.report.caveats import LONGEST, failures_of
from server.text import clipped, count

_EASY, _HARD = 0.95, 0.05  # mean rewards, on the usual scale of 0 to 1
_MANY = 1 / 3  # of the attempts: then those that are scored say little about the tasks


def nothing_to_show(run: Run) -> str | None:
    """The run's headline if it learned nothing or had nothing to measure; None if it did.

    A run that was stopped may still learn something.
    """
    if run.stopped is not None:
        return None
    if run.steps:
        moved = any(s.learned.changes or s.learned.version != s.learned.before for s in run.steps)
        if not moved:
            return f"Nothing was learned: {_why(run)}"
    elif run.unmeasured is not None:
        return f"Nothing to compare: {run.unmeasured}"
    return _unscored_arm(run)


def _unscored_arm(run: Run) -> str | None:
    """An arm of which nothing is known, since none of its attempts was scored."""
    for arm in run.evaluations:
        attempts = attempts_of(arm.groups)
        if attempts and not rewards_of(attempts):
            return f"Nothing was measured {arm.arm} the library: {_unscored(attempts)}"
    return None


def _why(run: Run) -> str:
    groups = [group for step in run.steps for group in step.groups]
    rewards = rewards_of(attempts_of(groups))
    failed = [reason for step in run.steps for reason in step.learned.failed]
    refused = [refusal for step in run.steps for refusal in step.learned.refused]
    if groups and not rewards:
        return f"no attempt was scored, mostly because: {failures_of(run).listed[0].reason}"
    if groups and not any(group.signal for group in groups):
        return _alike(rewards, _unscored(attempts_of(groups)))
    if failed:
        return clipped(failed[0], LONGEST)
    if refused:
        what = count(len(refused), "proposed change was refused", "proposed changes were refused")
        return f"{what}, first: {clipped(refused[0], LONGEST)}"
    return "the teacher found nothing to change"


def _unscored(attempts: Sequence[ScoredAttempt]) -> str:
    """How many attempts are unscored, and why most of them are; empty if few are."""
    reasons = Counter(failure[1] for a in attempts if (failure := failure_of(a)) is not None)
    times = reasons.total()
    if times < _MANY * len(attempts) or not times:
        return ""
    reason = clipped(reasons.most_common(1)[0][0], LONGEST)
    return f"{times:,} of {count(len(attempts), 'attempt')} unscored, mostly because: {reason}"


def _alike(rewards: list[float], unscored: str) -> str:
    """Rewards that do not differ within any task, and what may help."""
    mean = mean_of(rewards)
    if unscored:
        hint = unscored
    elif mean >= _EASY:
        hint = "the tasks may be too easy for this model"
    elif mean <= _HARD:
        hint = "the tasks may be too hard for this model, or --verifier misses correct answers"
    else:
        hint = "more attempts (--group-size) or a higher --temperature may differ"
    return (
        f"no task had attempts with different rewards (mean reward {number(mean)}), so there was "
        f"nothing to compare; {hint}"
    )
