"""Where tasks come from, and in what order and parts they are used."""

from __future__ import annotations

from pathlib import Path

from experience_store.errors import BadInputError
from server.practice.datasets.gym_tasks import PREFIX, generated_tasks
from server.practice.datasets.shuffle_split import overlap, shuffled, split
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
