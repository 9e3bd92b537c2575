"""Where tasks come from, and in what order and parts they are used."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from experience_store.errors import BadInputError
from server.practice.datasets.gym_tasks import PREFIX, generated_tasks
from server.practice.datasets.task_files import Fields, read_tasks
from server.practice.records import Task

__all__ = ["load_tasks", "overlap", "shuffled", "split"]


def load_tasks(
    spec: str,
    *,
    task_field: str | None = None,
    truth_field: str | None = None,
    limit: int | None = None,
    skip: int = 0,
) -> tuple[Task, ...]:
    """The tasks that a dataset holds, in its order.

    Args:
        spec: The path of a JSON lines file, or `reasoning-gym:FAMILY[+FAMILY...]?size=50&seed=7`.
        task_field: Where a line of the file has its prompt; None looks for it.
        truth_field: Where it has the right answer; None looks for it.
        limit: How many tasks at most, after `skip`.
        skip: How many tasks to leave out at the beginning.

    Raises:
        BadInputError: If it cannot be read as a whole, with what is wrong and how to fix it.
    """
    if skip < 0 or (limit is not None and limit < 1):
        raise BadInputError("tasks: skip must be 0 or more, and limit 1 or more")
    if spec.startswith(PREFIX):
        if task_field or truth_field:
            raise BadInputError(f"{PREFIX}…: its tasks have no fields to choose from")
        tasks = generated_tasks(spec)
    else:
        tasks = read_tasks(Path(spec), Fields(task_field, truth_field))
    chosen = tasks[skip:] if limit is None else tasks[skip : skip + limit]
    if not chosen:
        raise BadInputError(f"{spec}: no task is left; it has {len(tasks)}, {skip} are skipped")
    return chosen


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
