"""The page of a report: what it shows, and that nothing gets in or out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.practice.records import StepLearning
from server.practice.report import write_report
from tests.paths import ROOT
from tests.server.practice.extras import needs_pages
from tests.server.practice.report_pages import Page, hostile_run, page
from tests.server.practice.run_builders import group, run, step, whole_run

pytestmark = needs_pages


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_report(whole_run(), folder)
    return folder


@pytest.fixture
def html(whole: Path) -> str:
    return (whole / "report.html").read_text(encoding="utf-8")


def test_the_page_gives_the_result_with_interval_test_and_cost(html: str) -> None:
    text = Page(html).text
    assert "Mean@4 0.397 → 0.653; without: 7 of 120 attempts unscored (5 failed, 2" in text
    assert "Whatever the unscored ones would have earned, the gain is +0.183 to +0.283" in text
    assert "The gain of 0.256 in Mean@4 is distinguishable from zero at 5%" in text
    assert re.search(r"95% interval \+0\.\d+ to \+0\.\d+, p < 0\.001, 30 tasks", text)
    assert "It took 3,118 calls, 2,479,950 tokens, cost 4.76" in text


def test_each_plot_has_a_description(html: str) -> None:
    found = Page(html)
    assert found.tags.count("svg") == found.tags.count("figcaption") == 6
    for title in ("Before and after", "Gain of each task", "Reward in practice", "Tool calls"):
        assert title in found.text
    assert "a thin line for each of 30 tasks. 12 unscored attempts left out." in found.text
    assert "With the library 22 tasks did better, 2 worse, 6 the same" in found.text


def test_plots_that_show_no_difference_are_left_out(tmp_path: Path) -> None:
    alike = {"a": [1.0, 0.0], "b": [1.0, 1.0]}
    same = StepLearning(before=1, version=1, size=3)
    steps = [step(number, group("c", 1.0, 0.0), learned=same) for number in (1, 2)]
    found = page(run(*steps, without=alike, with_library=alike), tmp_path)
    assert "svg" not in found.tags
    assert "figure" not in found.tags
    one = page(run(steps[0], without={"a": [0.0]}, with_library={"a": [1.0]}), tmp_path)
    assert "svg" not in one.tags


def test_tasks_are_named_by_their_text_the_largest_change_first(tmp_path: Path) -> None:
    before = {"x1": [1.0, 1.0], "x2": [0.0, 1.0], "x3": [0.0, 0.0]}
    after = {"x1": [0.5, 1.0], "x2": [0.0, 1.0], "x3": [1.0, 1.0]}
    text = page(run(without=before, with_library=after), tmp_path).text
    table = text[text.index("Tasks that changed most") :]
    assert "Do x2." not in table
    assert 0 < table.index("Do x3.") < table.index("Do x1.")


def test_every_table_has_a_caption_and_headers(html: str) -> None:
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        assert "<caption>" in table
        assert 'scope="col"' in table
        assert 'scope="row"' in table


def test_the_page_loads_nothing_and_runs_nothing(html: str) -> None:
    found = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(found.tags)
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert all(v.startswith("#") for name, v in found.attributes if name in {"href", "src"})
    assert "default-src 'none'" in html


def test_plots_use_the_colours_of_the_page(html: str) -> None:
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        assert "var(--blue)" in svg
        assert not re.search(r"#[0-9a-f]{6}\b", svg)
        assert "font-family" not in svg
    properties = set(re.findall(r"var\((--\w+)\)", html))
    assert all(f"{name}: #" in html for name in properties)


def test_ids_are_unique_in_the_page(html: str) -> None:
    ids = [value for name, value in Page(html).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = [v[1:] for name, v in Page(html).attributes if name == "href" and v.startswith("#")]
    used += re.findall(r"url\(#([^)]*)\)", html)
    assert set(used) <= set(ids)


def _fonts_found() -> dict[str, str]:
    """Where matplotlib keeps its list of fonts: making a new one takes a second."""
    from matplotlib import get_cachedir  # noqa: PLC0415  # an extra

    return {"XDG_CACHE_HOME": str(Path(get_cachedir()).parent)}


@pytest.mark.exhaustive
def test_the_same_run_gives_the_same_bytes_in_every_process(whole: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tests.server.practice.run_builders import whole_run;"
        "from server.practice.report import write_report;"
        "write_report(whole_run(), pathlib.Path(sys.argv[1]));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        check=True,
        cwd=ROOT,
        env={"PYTHONHASHSEED": "77", "HOME": str(tmp_path), "LC_ALL": "C", **_fonts_found()},
    )
    for name in ("report.json", "report.html"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("hostile")
    write_report(hostile_run(), folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_hostile_text_stays_text(hostile: str, tmp_path: Path) -> None:
    plain = page(run(step(1, group("a", 1.0, 0.0))), tmp_path)
    found = Page(hostile)
    assert "alert('x')" in found.text
    assert "{{ 7*7 }}" in found.text
    assert not {"script", "img"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert plain.tags.count("head") == found.tags.count("head") == 1
    assert not {"\x00", "\x1b", "\u202e"} & set(hostile)


def test_long_text_is_clipped_and_further_changes_are_counted(hostile: str) -> None:
    found = Page(hostile)
    assert "and 20 more changes" in found.text
    assert max(len(words) for words in found.words if "alert" in words) <= 700
    assert len(hostile.encode()) < 300_000
