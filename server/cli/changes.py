"""Changes on a terminal."""

from __future__ import annotations

import click

from server.administration.changes import Line
from server.cli.printing import faint, wrapped

_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta"}


def styled(line: Line, indent: str = "  ") -> str:
    """A change as a paragraph."""
    text = wrapped(line.text, first=f"{indent}{line.sign} ")
    if line.sign == "=":
        return faint(text)
    head = len(indent) + 1
    return click.style(text[:head], fg=_COLOURS[line.sign]) + text[head:]
