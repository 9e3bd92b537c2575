"""Lessons in files: lists in Markdown or text, and JSON, YAML or tables of any program.

What can be read is read; what is not kept stands beside it, so that it can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experience_store.operations import MAX_NAME_CHARS, Add
from experience_store.submissions.forms.values import words

_BETWEEN = " / "  # the parts of a name
_SAYS_NOTHING = words(
    """
    agent agents all and best data default entries examples experience experiences facts for from
    general guidelines insights instructions items learned learning learnings lesson lessons list
    memories memory misc my notes of our playbook practices project results root rules sections
    strategies the things tips to values
    """
)


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
        left_out: Fields of lessons that are not kept, each with the number of lessons.
        library: The library that the file names, if any.
    """

    additions: tuple[Add, ...]
    skipped: tuple[Skipped, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    library: str | None = None
    agent_objective: str | None = None
    learning_objective: str | None = None


def lesson(line: str, name: str = "", context: Sequence[str] = ()) -> Add:
    """A lesson; without a name, the text before the first colon is it, unless it is too long.

    Args:
        line: Its text, perhaps after a name.
        name: Its name, if that is known.
        context: What it stands under, such as headings, which becomes part of the name.
    """
    before, colon, text = line.partition(": ")
    if name:
        text = line
    elif colon and text.strip() and len(before) <= MAX_NAME_CHARS:
        name, text = before.strip(" *"), text.strip(" *")
    else:
        text = line
    own = [name.strip()] if name.strip() else []
    around = [part for part in dict.fromkeys(context) if part and part not in own]
    inner = around[:]
    while inner and len(_BETWEEN.join([*inner, *own])) > MAX_NAME_CHARS:
        del inner[0]
    outer = _BETWEEN.join(around[: len(around) - len(inner)])  # of which a name has no room
    said = f"{outer}: {text.strip()}" if outer else text.strip()
    return Add(_BETWEEN.join([*inner, *own]), said)


def says_nothing(heading: str) -> bool:
    """Whether a heading or a field's name says only that these are lessons."""
    said = "".join(c if c.isalnum() else " " for c in heading.lower()).split()
    return _SAYS_NOTHING.issuperset(said)
