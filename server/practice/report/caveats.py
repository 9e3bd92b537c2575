"""What a report lacks and what to beware of: failures by reason, and notes in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from server.learning.models import UnusableKind
from server.practice.metrics.attempt_metrics import (
    attempts_of,
    by_task,
    counts,
    failure_of,
    rewards_of,
)
from server.practice.metrics.comparison import arm_of
from server.practice.metrics.run_metrics import planned, totals
from server.practice.metrics.task_names import names_of
from server.practice.records import Arm, AttemptGroup, JournalRecord, Run
from server.text import clipped, count

MOST_REASONS = 20
LONGEST = 300

Kind = Literal["rollout", "verifier", "learning"]
PURPOSES = {
    "practice_rollouts": "attempts in practice",
    "practice_verification": "verification in practice",
    "learning": "learning",
    "evaluation_rollouts": "attempts in evaluation",
    "evaluation_verification": "verification in evaluation",
    "lost": "failed or redone",
}

UNUSABLE: Mapping[UnusableKind, str] = {
    "cut": "cut at the token limit",
    "empty": "empty",
    "refusal": "refused by the model",
    "tool_call": "a tool call in place of text",
    "filtered": "withheld by a content filter",
}


class FailureReason(JournalRecord):
    """Failures with the same reason.

    Attributes:
        kind: What failed.
        reason: Why, clipped.
        times: How often.
        first: Where it happened first, clipped.
    """

    kind: Kind
    reason: str
    times: int
    first: str


class FailureSummary(JournalRecord):
    """All failures.

    Attributes:
        times: How many there were.
        listed: The most frequent reasons.
        left_out: Further reasons that are not listed.
    """

    times: int
    listed: list[FailureReason]
    left_out: int


def failures_of(run: Run) -> FailureSummary:
    """What failed in the run, the most frequent reason first."""
    found: dict[tuple[Kind, str], list[str]] = {}
    for kind, reason, place in _all(run):
        found.setdefault((kind, clipped(reason, LONGEST)), []).append(clipped(place, 120))
    listed = [
        FailureReason(kind=kind, reason=reason, times=len(places), first=places[0])
        for (kind, reason), places in found.items()
    ]
    listed.sort(key=lambda failure: -failure.times)
    return FailureSummary(
        times=sum(failure.times for failure in listed),
        listed=listed[:MOST_REASONS],
        left_out=max(0, len(listed) - MOST_REASONS),
    )


def _all(run: Run) -> Iterator[tuple[Kind, str, str]]:
    for step in run.steps:
        yield from _of_groups(step.groups, f"step {step.number}")
        for reason in step.learned.failed:
            yield "learning", reason, f"step {step.number}"
    for arm in run.evaluations:
        yield from _of_groups(arm.groups, f"evaluation {arm.arm} the library")


def _of_groups(groups: Iterable[AttemptGroup], place: str) -> Iterator[tuple[Kind, str, str]]:
    groups = list(groups)
    names = names_of(group.task for group in groups)
    for group in groups:
        for number, attempt in enumerate(group.attempts, start=1):
            if (failure := failure_of(attempt)) is not None:
                kind: Kind = "rollout" if failure[0] == "rollout" else "verifier"
                yield kind, failure[1], f"{place}, attempt {number} at {names[group.task.id]!r}"


def notes_of(run: Run, threshold: float | None) -> list[str]:
    """All notes, the most important first."""
    found = [*_stopped(run), *_evaluation(run)]
    if not run.steps:
        found.append("There was no practice in this run.")
    found += [*_short(run), *_outages(run), *_cut(run)]
    if threshold is None:
        found.append(
            "Rewards are not all within 0 to 1, so none of them is known to be a pass: no Pass@k."
        )
    return [*found, *_prices(run), *_estimates(run)]


def _stopped(run: Run) -> Iterator[str]:
    if run.stopped is not None:
        yield f"The run is not complete: {clipped(run.stopped, LONGEST)}"


def _evaluation(run: Run) -> Iterator[str]:
    without, with_library = arm_of(run, "without"), arm_of(run, "with")
    if without is None and with_library is None:
        yield "There was no evaluation: nothing here says whether the library helps."
    elif with_library is None and run.unmeasured is not None:
        yield f"There was no evaluation with the library: {run.unmeasured}."
    elif without is None or with_library is None:
        lacking: Arm = "without" if without is None else "with"
        yield f"There was no evaluation {lacking} the library: nothing to compare with."
    elif not by_task(without.groups).keys() & by_task(with_library.groups).keys():
        yield "The arms of the evaluation have no task in common: they cannot be compared."


def _short(run: Run) -> Iterator[str]:
    k = planned(run.evaluations)
    for arm in run.evaluations:
        tasks = by_task(arm.groups)
        short = sum(len(rewards_of(attempts)) < k for attempts in tasks.values())
        if short:
            yield (
                f"{count(short, 'task')} of {len(tasks):,} evaluated {arm.arm} the library had "
                f"fewer than the planned {k} scored attempts: means are over those scored, and "
                "Pass@k leaves these tasks out where k is larger."
            )


def _outages(run: Run) -> Iterator[str]:
    attempts = attempts_of(g for part in (*run.steps, *run.evaluations) for g in part.groups)
    met = sum(attempt.score.outage for attempt in attempts)
    if met:
        yield (
            f"{count(met, 'attempt')} met an outage and stayed unscored, as --accept-failures "
            "allows: that is not a failure of the model."
        )


def _cut(run: Run) -> Iterator[str]:
    groups = [g for part in (*run.steps, *run.evaluations) for g in part.groups]
    if cut := counts(attempts_of(groups)).unusable.get("cut"):
        yield (
            f"{count(cut, 'attempt')} cut at the token limit and unscored: give the model more "
            "room with --answer-tokens, in a new run (--run)."
        )


def _prices(run: Run) -> Iterator[str]:
    found = totals(run)
    if found.whole.calls and found.whole.cost is None:
        yield "No prices are configured: costs are unknown."
    elif found.unpriced:
        named = ", ".join(PURPOSES[purpose] for purpose in found.unpriced)
        yield f"Costs exclude what has no price: {named}."


def _estimates(run: Run) -> Iterator[str]:
    whole = totals(run).whole
    if whole.estimated:
        yield (
            f"{count(whole.estimated, 'call')} of {whole.calls:,} were answered without a count of "
            "tokens: theirs, and what they cost, are estimates from the texts."
        )
