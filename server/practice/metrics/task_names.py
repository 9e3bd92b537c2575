"""What tasks are called in a report: by their text, as far as it tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from server.practice.records import Task
from server.text import clipped, one_line

LONGEST = 100
_WORTH_CUTTING = 40  # characters with which all tasks begin, such as a template's


def names_of(tasks: Iterable[Task]) -> dict[str, str]:
    """Short names by the tasks' ids; what all of them begin with is left out."""
    texts = {task.id: one_line(task.prompt) for task in tasks}
    cut = _same_beginning(list(texts.values())) if len(texts) > 1 else 0
    names = {id_: clipped(("…" if cut else "") + t[cut:], LONGEST) for id_, t in texts.items()}
    often = Counter(names.values())
    return {
        id_: name if often[name] == 1 else f"{name} ({clipped(id_, LONGEST)})"
        for id_, name in names.items()
    }


def _same_beginning(texts: list[str]) -> int:
    """Characters with which all texts begin, up to a word; 0 if they are few."""
    first, last = min(texts), max(texts)
    differing = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    shared = next(differing, min(len(first), len(last)))
    return first.rfind(" ", 0, shared) + 1 if shared >= _WORTH_CUTTING else 0
