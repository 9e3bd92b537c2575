"""What a command reads: files, or standard input for `-`."""

from __future__ import annotations

import stat
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """One source of lines.

    Attributes:
        size: In bytes, or 0 if it cannot be known.
    """

    name: str
    size: int

    @contextmanager
    def lines(self) -> Generator[Iterable[bytes]]:
        """Its lines, read as they are needed."""
        if self.name == STDIN:
            yield sys.stdin.buffer
        else:
            with Path(self.name).open("rb") as file:
                yield file


def find_inputs(names: Sequence[str]) -> list[Input]:
    """The inputs of these names, standard input for none.

    Raises:
        OSError: If one cannot be read; found out before anything is.
        click.UsageError: If nothing is named and a person sits at standard input.
    """
    if not names and sys.stdin.isatty():
        raise click.UsageError("give a FILE, or - for stdin")
    return [_find(name) for name in names or (STDIN,)]


def _find(name: str) -> Input:
    if name == STDIN:
        return Input("-", 0)
    found = Path(name).stat()
    with Path(name).open("rb"):
        return Input(name, found.st_size if stat.S_ISREG(found.st_mode) else 0)
