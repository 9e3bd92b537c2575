"""`report.html`, from a template.

The template escapes everything that is put in, but for the plots and the style sheet, which are
of our own making. A policy in the page's head forbids it to load anything, whatever got in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from pydantic import JsonValue

from server.practice.metrics import formatting
from server.practice.metrics.attempt_metrics import Bounds
from server.practice.metrics.comparison import ArmComparison, TaskPair
from server.practice.metrics.estimates import Estimate
from server.practice.metrics.run_metrics import ArmMetrics
from server.practice.records import Run
from server.practice.report.caveats import LONGEST, PURPOSES, UNUSABLE
from server.practice.report.json_report import RunReport
from server.practice.report.plots import plots_of
from server.practice.report.terminal_report import cost_sentence, extremes, headline, of_tasks
from server.text import clipped, count

MOST_TASKS = 20
MOST_CHANGES = 40
LONGEST_CHANGE = 600


def render_page(run: Run, report: RunReport) -> str:
    """The page."""
    evaluated, practised = plots_of(report)
    template = _environment().get_template("page.html.j2")
    return template.render(
        run=run,
        report=report,
        headline=headline(report),
        cost=cost_sentence(report),
        evaluated=evaluated,
        practised=practised,
        settings=_settings(report.settings),
        arm_rows=_arm_rows(report.arms),
        most_changed=_most_changed(report.comparison),
        whatever=_whatever(report.comparison),
        priced=report.totals.whole.cost is not None,
        purposes=PURPOSES,
        most_changes=MOST_CHANGES,
        style=_text("page.css"),
    )


@cache  # compiling the template takes as long as drawing a plot
def _environment() -> Environment:
    made = Environment(
        loader=DictLoader({"page.html.j2": _text("page.html.j2")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(_FILTERS)
    return made


def _estimate(found: Estimate | None, *, signed: bool = False) -> str:
    """An estimate that wraps between value and interval, where it has to."""
    return formatting.estimate(found, signed=signed).replace(
        " to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}"
    )


def _change(text: str) -> str:
    return clipped(text, LONGEST_CHANGE)


_FILTERS: Mapping[str, Callable[..., str]] = {
    "number": formatting.number,
    "estimate": _estimate,
    "interval": formatting.interval,
    "p_value": formatting.p_value,
    "money": formatting.money,
    "counted": count,
    "clipped": clipped,
    "change": _change,
}


def _text(name: str) -> str:
    return files("server.practice.report").joinpath(name).read_text(encoding="utf-8")


def _settings(settings: dict[str, JsonValue]) -> list[tuple[str, str]]:
    """Names and values, each in a line."""
    return [
        (clipped(name, 80), clipped(value if isinstance(value, str) else _plain(value), LONGEST))
        for name, value in settings.items()
    ]


def _plain(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _arm_rows(arms: Sequence[ArmMetrics]) -> list[tuple[str, list[str]]]:
    """The figures of the arms: a row for each figure, a cell for each arm."""
    rows = [
        ("Tasks", [f"{arm.tasks:,}" for arm in arms]),
        ("Attempts", [f"{arm.counts.attempts:,}" for arm in arms]),
        ("Unscored: attempt failed", [f"{arm.counts.rollout_failures:,}" for arm in arms]),
        *(
            (f"… of these {what}", [f"{arm.counts.unusable.get(kind, 0):,}" for arm in arms])
            for kind, what in UNUSABLE.items()
            if any(arm.counts.unusable.get(kind) for arm in arms)
        ),
        ("Unscored: verifier failed", [f"{arm.counts.verifier_failures:,}" for arm in arms]),
        (f"Mean@{max((arm.k for arm in arms), default=0)}", [_of(a.mean, a) for a in arms]),
    ]
    if any(arm.bounds for arm in arms):
        rows.append(("… with all unscored at worst, at best", [_bounds(a.bounds) for a in arms]))
    passed = [{at.k: at.estimate for at in arm.pass_at} for arm in arms]
    rows += [
        (f"Pass@{k}", [_of(at.get(k), arm) for at, arm in zip(passed, arms, strict=True)])
        for k in sorted({k for found in passed for k in found})
    ]
    rows += [
        ("Tool calls per attempt", [formatting.number(a.use.tool_calls_per_rollout) for a in arms]),
        ("Tokens per attempt", [formatting.number(arm.use.tokens_per_attempt) for arm in arms]),
    ]
    if any(arm.use.cost_per_attempt is not None for arm in arms):
        rows.append(("Cost per attempt", [formatting.money(a.use.cost_per_attempt) for a in arms]))
    return rows


def _of(found: Estimate | None, arm: ArmMetrics) -> str:
    return f"{_estimate(found)}{of_tasks(found, arm)}"


def _bounds(found: Bounds | None) -> str:
    if found is None:
        return formatting.NONE
    return f"{formatting.number(found.low)} to {formatting.number(found.high)}"


def _whatever(found: ArmComparison | None) -> str | None:
    return None if found is None or found.extremes is None else extremes(found.extremes)


def _most_changed(found: ArmComparison | None) -> list[TaskPair]:
    """The tasks with the largest gains or losses."""
    pairs = [] if found is None else found.per_task
    return [pair for pair in pairs if pair.gain][:MOST_TASKS]
