"""The report: what it says of whole runs and of parts, as JSON, and in lines for terminals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from experience_store.errors import ExperienceError, StorageError
from server.practice.metrics.formatting import money, number
from server.practice.records import Run, StepLearning
from server.practice.report import MissingExtraError, check_available, summary_lines, write_report
from server.practice.report.caveats import LONGEST, MOST_REASONS
from server.practice.report.json_report import RunReport, as_json, make_report
from tests.paths import ROOT
from tests.server.practice.extras import needs_pages
from tests.server.practice.report_pages import Page, hostile_run, page
from tests.server.practice.run_builders import (
    attempt,
    broken_off,
    group,
    run,
    spent,
    step,
    unverified,
    whole_run,
)


def document(made: Run) -> RunReport:
    return make_report(made)


@cache
def whole_document() -> RunReport:
    return document(whole_run())


def _undrawn(_key: str, title: str, caption: str, *_: object, **__: object) -> object:
    return SimpleNamespace(title=title, caption=caption, svg="")


@pytest.fixture
def captions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without the drawings, which take longer than the rest."""
    monkeypatch.setattr("server.practice.report.plots.plot", _undrawn)


@pytest.mark.usefixtures("no_pages")
def test_the_json_is_valid_even_where_settings_are_not(tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    write_report(hostile_run(), tmp_path)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=refuse)
    assert found["settings"]["n"] is None


def test_the_keys_of_the_json_are_stable() -> None:
    found = json.loads(as_json(whole_document()))
    assert found["format"] == 2
    assert list(found) == [
        *("format", "name", "library", "settings", "stopped", "nothing", "notes", "threshold"),
        *("steps", "arms", "comparison", "verdict", "totals", "failures"),
    ]
    assert set(found["comparison"]["mean"]) == {"without", "with_library", "gain", "test"}
    assert set(found["comparison"]["mean"]["gain"]) == {"value", "interval", "tasks", "note"}
    assert set(found["verdict"]) == {"distinguishable", "interval_agrees", "sentence"}
    assert len(found["comparison"]["per_task"]) == 30
    assert found["totals"]["whole"]["calls"] == 3118


def _keys(value: object) -> set[str]:
    if isinstance(value, dict):
        found = cast("dict[str, object]", value)
        return set(found) | {key for item in found.values() for key in _keys(item)}
    if isinstance(value, list):
        return {key for item in cast("list[object]", value) for key in _keys(item)}
    return set()


def test_every_key_of_the_json_is_documented() -> None:
    made = whole_document().model_copy(update={"settings": {}})
    documented = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", documented))))
    assert _keys(json.loads(as_json(made))) <= words


def test_the_json_can_be_read_back() -> None:
    made = whole_document()
    assert RunReport.model_validate_json(as_json(made)) == made


@needs_pages
@pytest.mark.usefixtures("captions_only")
def test_a_run_that_only_practised_says_that_nothing_was_evaluated(tmp_path: Path) -> None:
    made = run(step(1, group("a", 1.0, 0.0, broken_off())), step(2, group("b", 1.0, 1.0)))
    found = page(made, tmp_path)
    assert "Mean reward in practice 0.500 → 1.00; 1 of 5 attempts unscored" in found.text
    assert "nothing here says whether the library helps" in found.text
    assert "Before and after" not in found.text
    assert "Mean@" not in found.text


@needs_pages
@pytest.mark.usefixtures("captions_only")
def test_a_run_that_only_evaluated_leaves_practice_out(tmp_path: Path) -> None:
    made = run(without={"a": [0.0], "b": [1.0]}, with_library={"a": [1.0], "b": [1.0]})
    found = page(made, tmp_path)
    assert "There was no practice in this run." in found.text
    assert "Reward in practice" not in found.text
    assert "What the library learned" not in found.text


@needs_pages
@pytest.mark.usefixtures("captions_only")
def test_a_stopped_run_reports_what_it_has(tmp_path: Path) -> None:
    made = run(
        step(1, group("a", 1.0, broken_off())),
        step(2),
        without={"a": [0.0, 1.0], "b": [1.0]},
        stopped="the budget of 5 is spent",
    )
    found = page(made, tmp_path)
    assert "The run is not complete: the budget of 5 is spent" in found.text
    assert "There was no evaluation with the library: nothing to compare with." in found.text
    short = "1 task of 2 evaluated without the library had fewer than the planned 2 scored attempts"
    assert short in found.text
    assert "Mean@2 without the library 0.750" in found.text


@needs_pages
@pytest.mark.parametrize(
    "made",
    [
        run(),
        run(step(1)),
        run(step(1, group("a", broken_off()))),
        run(without={}, with_library={}),
        run(without={"a": [1.0]}, with_library={"b": [1.0]}),
        run(without={"a": [1.0]}, with_library={"a": [1.0]}),
        run(without={"a": [-5e200]}, with_library={"a": [3e200]}),
        run(without={"a": [unverified()], "b": [0.0]}, with_library={"a": [0.5], "b": [-3.0]}),
    ],
)
def test_any_run_makes_a_page(made: Run, tmp_path: Path) -> None:
    assert "Definitions" in page(made, tmp_path).text
    assert summary_lines(made)


@needs_pages
@pytest.mark.usefixtures("captions_only")
def test_a_threshold_gives_passes_for_rewards_of_any_scale(tmp_path: Path) -> None:
    made = run(without={"a": [3.0], "b": [9.0]}, with_library={"a": [8.0], "b": [9.0]})
    assert "no Pass@k" in page(made, tmp_path).text
    write_report(made, tmp_path, threshold=7.0)
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "gets a reward of 7.00 or more" in text
    assert make_report(made, 7.0).arms[0].pass_at[0].estimate.value == 0.5


UNSCORED = run(
    without={"a": [0.0, broken_off()], "b": [0.5, 0.5]},
    with_library={"a": [1.0, 1.0], "b": [unverified(), 0.5]},
)


@needs_pages
@pytest.mark.usefixtures("captions_only")
def test_what_is_unscored_and_why_stands_beside_every_headline(tmp_path: Path) -> None:
    beside = (
        "Mean@2 0.250 → 0.750; without: 1 of 4 attempts unscored (1 failed), "
        "with: 1 of 4 attempts unscored (1 by verifier)"
    )
    whatever = "Whatever the unscored ones would have earned, the gain is +0.125 to +0.625"
    found = page(UNSCORED, tmp_path)
    assert beside in found.text
    assert whatever in found.text
    assert "… with all unscored at worst, at best 0.250 to 0.500 0.625 to 0.875" in " ".join(
        found.text.split()
    )
    assert whatever in summary_lines(UNSCORED)
    alone = run(without={"a": [0.0, broken_off()], "b": [1.0, 1.0]})
    said = "Mean@2 without the library 0.500; 1 of 4 attempts unscored (1 failed)"
    assert said in page(alone, tmp_path).text
    assert any(
        "with all unscored at worst or at best 0.500 to 0.750" in line
        for line in summary_lines(alone)
    )


@pytest.mark.parametrize("arm", ["without", "with"])
def test_an_arm_without_a_score_is_no_result(arm: str) -> None:
    gone, there = {"a": [broken_off()]}, {"a": [1.0]}
    made = (
        run(without=gone, with_library=there)
        if arm == "without"
        else run(step(1, group("b", 1.0)), without=there, with_library=gone)
    )
    assert document(made).nothing == (
        f"Nothing was measured {arm} the library: 1 of 1 attempt unscored, mostly because: "
        "the tool server hung up"
    )


def test_easy_tasks_are_not_blamed_where_many_attempts_are_unscored() -> None:
    same = StepLearning(before=0, version=0, size=0)
    easy = group("a", 1.0, 1.0, 1.0, signal=False)
    mostly_unscored = group("a", 1.0, unverified(), unverified(), signal=False)
    assert "too easy" in str(document(run(step(1, easy, learned=same))).nothing)
    said = document(run(step(1, mostly_unscored, learned=same))).nothing
    assert said is not None
    assert "2 of 3 attempts unscored, mostly because: the judge did not answer" in said
    assert "too easy" not in said


def test_failures_are_grouped_by_reason_and_bounded() -> None:
    many = [broken_off(f"reason {i} " + "x" * 1000) for i in range(30)]
    found = document(run(step(1, group("a", *many, unverified(), unverified())))).failures
    assert (found.times, len(found.listed), found.left_out) == (32, MOST_REASONS, 11)
    assert (found.listed[0].kind, found.listed[0].times) == ("verifier", 2)
    assert found.listed[0].first == "step 1, attempt 31 at 'Do a.'"
    assert all(len(failure.reason) <= LONGEST for failure in found.listed)


@needs_pages
@pytest.mark.usefixtures("captions_only")
def test_without_prices_the_report_says_that_costs_are_unknown(tmp_path: Path) -> None:
    found = page(whole_run(cost=None, steps=2, tasks=6), tmp_path)
    assert "No prices are configured: costs are unknown." in found.text
    assert "Cost per attempt" not in found.text


def test_purposes_without_prices_are_named() -> None:
    one = attempt(1.0, rollout=spent(cost=0.5), verifying=spent())
    found = document(run(step(1, group("a", one))))
    assert "Costs exclude what has no price: verification in practice." in found.notes


def test_the_lines_for_a_terminal_are_few_and_plain() -> None:
    lines = summary_lines(whole_run())
    assert 10 <= len(lines) <= 20
    assert lines[1].startswith("Mean@4: 0.397 (")
    assert any(", p = 0.250, 21 tasks" in line for line in lines)
    assert any("is distinguishable from zero" in line for line in lines)
    assert any(line.startswith("Spent: 3,118 calls") for line in lines)
    hostile = "".join(summary_lines(hostile_run()))
    assert hostile.isprintable()


def test_a_missing_extra_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> None:
        del name

    monkeypatch.setattr("server.practice.report.find_spec", nothing)
    with pytest.raises(MissingExtraError, match="uv sync --extra practice"):
        check_available()
    with pytest.raises(ExperienceError):
        write_report(run(), tmp_path)
    assert not list(tmp_path.iterdir())
    assert summary_lines(run())


@needs_pages
def test_with_the_extra_reports_are_available() -> None:
    check_available()


@needs_pages
def test_figures_and_lines_need_neither_matplotlib_nor_jinja() -> None:
    code = (
        "import sys; from tests.server.practice.run_builders import run; "
        "from server.practice import report;"
        "report.summary_lines(run()); report.check_available();"
        "print([m for m in ('matplotlib', 'numpy', 'jinja2') if m in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert printed.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.58333, "0.583"), (12.3, "12.30"), (1234.5, "1,234"), (0.00012, "0.00012")],
)
def test_numbers_have_about_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text
    assert number(-value) == ("0" if value == 0 else f"\N{MINUS SIGN}{text}")


@pytest.mark.parametrize(
    ("cost", "text"), [(12.345, "12.35"), (0.0123, "0.0123"), (0.0, "0"), (0.00001, "1.0e-05")]
)
def test_costs_have_their_significant_digits(cost: float, text: str) -> None:
    assert money(cost) == text


# Where it is written


@pytest.mark.usefixtures("no_pages")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_reported_with_the_file_and_the_old_report_stays(
    tmp_path: Path,
) -> None:
    write_report(whole_run(steps=1), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / ".report.json.new").symlink_to("/dev/full")

    with pytest.raises(StorageError, match=r"/report\.json: No space left on device\. The run"):
        write_report(whole_run(steps=2), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("no_pages")
def test_a_report_that_cannot_be_replaced_is_named_and_leaves_no_temporary_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(StorageError, match=r"/report\.html: "):
        write_report(whole_run(steps=1), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.json"}
