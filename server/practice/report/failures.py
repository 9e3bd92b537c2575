"""Failures by reason: a hundred attempts that failed alike are one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from server.practice.metrics.attempt_metrics import failure_of
from server.practice.records import AttemptGroup, JournalRecord, Run

MOST_REASONS = 20
LONGEST = 300

Kind = Literal["rollout", "verifier", "learning"]


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


def clipped(text: str, longest: int = LONGEST) -> str:
    """A text in one line without control characters, cut where it is long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def failures_of(run: Run) -> FailureSummary:
    """What failed in the run, the most frequent reason first."""
    found: dict[tuple[Kind, str], list[str]] = {}
    for kind, reason, place in _all(run):
        found.setdefault((kind, clipped(reason)), []).append(clipped(place, 120))
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
    for group in groups:
        for number, attempt in enumerate(group.attempts, start=1):
            if (failure := failure_of(attempt)) is not None:
                kind: Kind = "rollout" if failure[0] == "rollout" else "verifier"
                yield kind, failure[1], f"{place}, attempt {number} at {group.task.id}"
