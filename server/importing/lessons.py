"""Lessons in files: lists in Markdown or text, and JSON, the project's own or another program's.

What can be read is read; what is skipped is kept beside it, so that it can be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from experience_store.operations import MAX_NAME_CHARS, Add


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in a file that is not taken for a lesson, and where it stands."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """The contents of a file.

    Attributes:
        additions: The lessons, in order.
        skipped: What is between them.
        library: The library that the file names, if any.
    """

    additions: tuple[Add, ...]
    skipped: tuple[Skipped, ...] = ()
    library: str | None = None
    agent_objective: str | None = None
    learning_objective: str | None = None


def lesson(line: str, name: str = "") -> Add:
    """A lesson; without a name, the text before the first colon is it, unless it is too long."""
    if name:
        return Add(name.strip(), line.strip())
    before, colon, text = line.partition(": ")
    if colon and text.strip() and len(before) <= MAX_NAME_CHARS:
        return Add(before.strip(" *"), text.strip(" *"))
    return Add("", line.strip())
