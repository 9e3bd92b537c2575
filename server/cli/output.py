"""Text for terminals: wrapped to the width, aligned, and without what could steer a terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from experience_store.library import Experience
from server.rendering import Change, Difference
from server.text import count as count  # noqa: PLC0414  # for those who print
from server.text import one_line as printable

MAX_WIDTH = 100
_INDENT = "  "
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}


def width() -> int:
    """Columns to write in."""
    return max(40, min(MAX_WIDTH, shutil.get_terminal_size().columns))


def clipped(text: str, columns: int) -> str:
    """The beginning of a text that fits into so many columns."""
    line = printable(text)
    return line if len(line) <= columns else f"{line[: max(1, columns - 1)].rstrip()}…"


def wrapped(text: str, *, first: str = "", indent: str | None = None) -> str:
    """A paragraph. Its first line begins with `first`, the others are indented as far.

    Args:
        text: What to write; its own line breaks are not kept.
        first: Stands before the first line, `indent` (by default as many spaces) before others.
        indent: Stands before the other lines.
    """
    rest = " " * len(first) if indent is None else indent
    return (
        textwrap.fill(
            printable(text),
            width(),
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        or first.rstrip()
    )


def title(text: str) -> str:
    """A heading."""
    return click.style(text, bold=True)


def faint(text: str) -> str:
    """What is of less interest."""
    return click.style(text, dim=True)


def experiences(found: Sequence[Experience]) -> str:
    """Experiences, each as a paragraph with its id in a column of its own."""
    column = max((len(e.id) for e in found), default=0) + 2
    lines = [wrapped(e.line(), first=e.id.ljust(column)) for e in found]
    return "\n".join(f"{title(line[:column])}{line[column:]}" for line in lines)


def fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, the values below each other."""
    column = max((len(name) for name, _ in pairs), default=0) + 2
    return "\n".join(wrapped(value, first=name.ljust(column)) for name, value in pairs)


def table(header: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """A table. Numbers stand to the right; the last column is cut where the line ends."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    numeric = [all(isinstance(row[column], int) for row in rows) for column in range(len(header))]
    widths[-1] = max(8, min(widths[-1], width() - sum(widths[:-1]) - len(_INDENT) * len(widths)))
    lines = [
        _INDENT.join(
            cell.rjust(size) if right else clipped(cell, size).ljust(size)
            for cell, size, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([faint(lines[0]), *lines[1:]])


def styled(line: Change, indent: str = "  ") -> str:
    """A change as a paragraph."""
    text = wrapped(line.text, first=f"{indent}{line.sign} ")
    if line.sign == "=":
        return faint(text)
    head = len(indent) + 1
    return click.style(text[:head], fg=_COLOURS[line.sign]) + text[head:]


def print_changes(difference: Difference) -> None:
    """Print every change of a difference."""
    if lines := [styled(change) for change in difference.changes()]:
        click.echo("\n".join(lines))


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def when(moment: datetime | None) -> str:
    """A time for people: theirs, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


def day(moment: datetime | None) -> str:
    """A day for people."""
    return moment.astimezone().strftime("%Y-%m-%d") if moment else ""


def print_json(value: Mapping[str, object]) -> None:
    """Print a JSON document and nothing else."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
