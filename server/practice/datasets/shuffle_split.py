"""Order and parts of a dataset, decided by hashes.

They do not depend on the order of the file, on the process or on the version of Python.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from experience_store.errors import BadInputError
from server.practice.records import Task


def shuffled(tasks: Sequence[Task], seed: int, epoch: int) -> tuple[Task, ...]:
    """The tasks in an order of this epoch's own."""
    return tuple(sorted(tasks, key=lambda task: _rank(f"{seed}:{epoch}", task.id)))


def split(
    tasks: Sequence[Task], share: float, seed: int
) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """Tasks to practise on, and tasks held out to measure with; both in the given order.

    Tasks with the same wording stand on the same side, so that nothing held out was practised.

    Args:
        tasks: At least two wordings.
        share: How much to hold out, between 0 and 1; at least one wording is on each side.
        seed: Another one holds out other tasks.

    Raises:
        BadInputError: If there is nothing to split, or the share is none.
    """
    if not 0 < share < 1:
        raise BadInputError(f"held-out share: must lie between 0 and 1, not {share}")
    sizes: dict[str, int] = {}
    for task in tasks:
        sizes[task_wording(task.prompt)] = sizes.get(task_wording(task.prompt), 0) + 1
    ranked = sorted(sizes, key=lambda wording: _rank(f"split:{seed}", wording))
    if len(ranked) < 2:  # noqa: PLR2004  # one for each side
        raise BadInputError(f"{len(tasks)} tasks of one wording cannot be split in two")
    wanted = round(share * len(tasks))
    held: set[str] = {ranked[0]}
    taken = sizes[ranked[0]]
    for wording in ranked[1:-1]:
        if taken + sizes[wording] <= wanted:
            held.add(wording)
            taken += sizes[wording]
    return (
        tuple(t for t in tasks if task_wording(t.prompt) not in held),
        tuple(t for t in tasks if task_wording(t.prompt) in held),
    )


def overlap(a: Sequence[Task], b: Sequence[Task]) -> tuple[tuple[Task, Task], ...]:
    """The pairs of a task of `a` and one of `b` that say the same."""
    by_wording: dict[str, list[Task]] = {}
    for task in b:
        by_wording.setdefault(task_wording(task.prompt), []).append(task)
    return tuple((one, two) for one in a for two in by_wording.get(task_wording(one.prompt), []))


def task_wording(prompt: str) -> str:
    """A prompt reduced to what makes it the same task: no case and spacing, no last full stop.

    Unlike the wording of an experience it keeps punctuation: 1 + 2 is another task than 1 - 2.
    """
    folded = unicodedata.normalize("NFKC", prompt).casefold()
    return " ".join(folded.split()).rstrip(" .?!")


def _rank(salt: str, text: str) -> bytes:
    return hashlib.sha256(f"{salt}\n{text}".encode()).digest()
