"""The progress of `learn`, as a line on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Self

import click

from server.cli.output import count
from server.learning.model_driver import UpdateProgress

MINUTE = 60


class Progress:
    """How many groups are done, and how long the others may take.

    Args of `__init__`:
        total: Number of groups to learn from.
        clock: Seconds since any moment.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._begun = clock()
        self._done_by_update: dict[str, int] = {}
        self._at_first: int | None = None

    def text(self, progress: UpdateProgress) -> str:
        """The progress in words: "768 of 2,000 groups, about 3 min"."""
        self._done_by_update[progress.update_id] = progress.groups
        done = sum(self._done_by_update.values())
        if self._at_first is None:
            self._at_first = done
        total = max(self._total, done)
        text = f"{done:,} of {count(total, 'group')}"
        fresh = done - self._at_first
        if not fresh or done == total:
            return text
        left = (self._clock() - self._begun) / fresh * (total - done)
        return f"{text}, about {_duration(left)}"


def _duration(seconds: float) -> str:
    if seconds < 2 * MINUTE:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / MINUTE
    return f"{minutes:.0f} min" if minutes < 2 * MINUTE else f"{minutes / MINUTE:.0f} h"


class ProgressLine:
    """The progress of an update, as a line on a terminal that is overwritten."""

    def __init__(self, library: str, progress: Progress) -> None:
        self._library = library
        self._progress = progress
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def report(self, progress: UpdateProgress) -> None:
        """Show the progress."""
        self._write(f"{self._library}: {self._progress.text(progress)} …")

    def _write(self, text: str) -> None:
        if self._visible:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)
