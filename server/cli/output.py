"""Text for terminals: wrapped, aligned, and without control characters."""

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
from server.text import clipped as clipped  # noqa: PLC0414  # re-exported for commands
from server.text import count as count  # noqa: PLC0414  # see above
from server.text import one_line as printable

MAX_WIDTH = 100
_INDENT = "  "
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}


def width() -> int:
    """The number of columns to use."""
    return max(40, min(MAX_WIDTH, shutil.get_terminal_size().columns))


def wrapped(text: str, *, first: str = "", indent: str | None = None) -> str:
    """A paragraph, wrapped to the width of the terminal.

    Args:
        text: The text; its own line breaks are not kept.
        first: Prefix of the first line.
        indent: Prefix of the other lines, by default as many spaces as `first` has characters.
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
    """Dimmed text."""
    return click.style(text, dim=True)


def experience_list(found: Sequence[Experience]) -> str:
    """Experiences, one paragraph each, with the ids in a column of their own."""
    column = max((len(e.id) for e in found), default=0) + 2
    lines = [wrapped(e.line(), first=e.id.ljust(column)) for e in found]
    return "\n".join(f"{title(line[:column])}{line[column:]}" for line in lines)


def definition_list(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values in two columns."""
    column = max((len(name) for name, _ in pairs), default=0) + 2
    return "\n".join(wrapped(value, first=name.ljust(column)) for name, value in pairs)


def table(header: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """A table. Numbers are right-aligned; the last column is cut at the end of the line."""
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


def render_change(change: Change, indent: str = "  ") -> str:
    """A change as a paragraph, with its sign in colour."""
    text = wrapped(change.text, first=f"{indent}{change.sign} ")
    if change.sign == "=":
        return faint(text)
    head = len(indent) + 1
    return click.style(text[:head], fg=_COLOURS[change.sign]) + text[head:]


def print_changes(difference: Difference) -> None:
    """Print the changes of a difference."""
    if lines := [render_change(change) for change in difference.changes()]:
        click.echo("\n".join(lines))


def is_interactive() -> bool:
    """Whether stdin is a terminal, so that a person can answer questions."""
    return sys.stdin.isatty()


def local_time(moment: datetime | None) -> str:
    """A time in the local time zone, to the minute; empty for None."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


def local_date(moment: datetime | None) -> str:
    """A date in the local time zone; empty for None."""
    return moment.astimezone().strftime("%Y-%m-%d") if moment else ""


def print_json(value: Mapping[str, object]) -> None:
    """Print a JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_jsonable))


def _jsonable(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
