"""What `report.json` holds: all figures of a run under names that stay.

The names of the fields are the keys of the file, down to the records of `server.practice.metrics`
and `Spent`; their docstrings say what each one means, and `docs/report.md` lists them. A key may
be added without notice; `format` goes up when one changes its meaning or goes away. Numbers are
finite, as strict JSON wants them; null stands for what is not known.
"""

from __future__ import annotations

import json
import math
from typing import Literal, cast

from pydantic import Field, JsonValue

from server.practice.metrics.attempt_metrics import pass_threshold, reward_range
from server.practice.metrics.comparison import ArmComparison, comparison
from server.practice.metrics.run_metrics import (
    ArmMetrics,
    SpendingTotals,
    StepMetrics,
    arm_metrics,
    planned,
    step_metrics,
    totals,
)
from server.practice.metrics.verdict import Verdict, verdict
from server.practice.records import JournalRecord, Run
from server.practice.report.caveats import FailureSummary, failures_of, notes_of
from server.practice.report.nothing_learned import nothing_to_show


class RunReport(JournalRecord):
    """A run in figures.

    Attributes:
        format: The file format's version.
        name: The run's name.
        library: The library's name.
        settings: As the run was started.
        stopped: Why the run is not complete; null for one that is.
        nothing: Why nothing was learned, measured or to be compared; null if something was.
        notes: What is missing and what to beware of, in words.
        threshold: A reward from here on is a pass; null where passing has no meaning.
        steps: Steps of practice.
        arms: Arms of the evaluation, except those in which nothing was attempted.
        comparison: The arms side by side; null where they cannot be compared.
        verdict: On the comparison.
        totals: What the run spent, by purpose.
        failures: Attempts and updates that failed, by reason.
    """

    format: Literal[2] = 2
    name: str
    library: str
    settings: dict[str, JsonValue]
    stopped: str | None
    nothing: str | None = None
    notes: list[str] = Field(default_factory=list[str])
    threshold: float | None
    steps: list[StepMetrics]
    arms: list[ArmMetrics]
    comparison: ArmComparison | None
    verdict: Verdict | None
    totals: SpendingTotals
    failures: FailureSummary


def make_report(run: Run, threshold: float | None = None) -> RunReport:
    """The figures of a run."""
    rewards = reward_range(run)
    passing = pass_threshold(rewards) if threshold is None else threshold
    k = planned(run.evaluations)
    arms = [arm_metrics(arm, k, passing, rewards) for arm in run.evaluations]
    compared = comparison(run, passing)
    return RunReport(
        name=run.name,
        library=run.library,
        settings=run.settings,
        stopped=run.stopped,
        nothing=nothing_to_show(run),
        notes=notes_of(run, passing),
        threshold=passing,
        steps=[step_metrics(step, passing) for step in run.steps],
        arms=[arm for arm in arms if arm is not None],
        comparison=compared,
        verdict=verdict(compared) if compared else None,
        totals=totals(run),
        failures=failures_of(run),
    )


def as_json(report: RunReport) -> str:
    """The report as strict JSON."""
    values = _finite(cast("JsonValue", report.model_dump()))
    return json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _finite(value: JsonValue) -> JsonValue:
    """The value with null for numbers that JSON does not have; settings may hold some."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
