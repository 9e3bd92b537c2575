"""The report of a run: `report.json` for programs, `report.html` for people, lines for terminals.

The page is one file that loads nothing: no script, no font, no picture from elsewhere. What tasks,
agents and verifiers wrote is escaped, and clipped where it is long.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from experience_store.errors import BadInputError, StorageError
from server.installation import how_to_install
from server.practice.records import Run
from server.practice.report.json_report import RunReport, as_json, make_report
from server.practice.report.terminal_report import report_lines
from server.practice.run import private_files

_NEEDED = ("jinja2", "matplotlib")


class MissingExtraError(BadInputError):
    """A report needs packages of the extra `practice`."""


def check_available() -> None:
    """Make sure that a report can be written, before anything is spent on what it will say.

    Raises:
        MissingExtraError: If the extra `practice` is not installed.
    """
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            f"reports need {' and '.join(missing)}: {how_to_install('practice')}"
        )


def write_report(run: Run, folder: Path, *, threshold: float | None = None) -> RunReport:
    """Write `report.json` and `report.html`; the same run gives the same bytes.

    Args:
        run: What happened; it may have stopped half way.
        folder: Where to write; it is made if need be.
        threshold: The reward from which an attempt passes. By default 1 where all rewards lie in
            0 to 1; otherwise nothing is said about passing.

    Returns:
        What was written, for other forms of it.

    Raises:
        MissingExtraError: If the extra `practice` is not installed.
        StorageError: If a file cannot be written; what stood there stays.
    """
    check_available()
    from server.practice.report.html_report import render_page  # noqa: PLC0415  # needs the extra, and time

    report = make_report(run, threshold)
    files = {"report.json": as_json(report), "report.html": render_page(run, report)}
    private_files.make_folder(folder)
    for name, text in files.items():
        _write(folder / name, text.encode("utf-8", "replace"))
    return report


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, readable by its owner only."""
    try:
        private_files.write(path, content)
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror or error}. The run itself is kept: once this is fixed (is "
            "the disk full?), the same command writes its report."
        ) from error


def summary_lines(
    run: Run, report: RunReport | None = None, *, threshold: float | None = None
) -> list[str]:
    """The report in some plain lines for a terminal; needs no extra.

    Args:
        run: What happened.
        report: The run's report, if there is one already: its intervals take time.
        threshold: As for `write_report`; ignored with a report.
    """
    return report_lines(run, report or make_report(run, threshold))
