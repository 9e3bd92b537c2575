"""Right answers: text or a number, one or several, perhaps at the end of a worked solution."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import JsonValue

from experience_store.errors import BadInputError
from server.importing.fields import listed
from server.practice.records import Task

RIGHT_ANSWERS = "right_answers"  # in `Task.extra`, where verifiers look for all of them
WORKED = "####"  # before the answer of a worked solution, as GSM8K has it
_EXACT = 10**15  # integers below are the same as floats


def read_answers(field: str, value: JsonValue) -> tuple[str, ...]:
    """The right answers in a field, the main one first; none if it is empty.

    Raises:
        BadInputError: If it holds something else; says which field to name instead.
    """
    if isinstance(value, list):
        found = [_answer(field, item) for item in value]
        if not found or None in found:
            raise BadInputError(
                f"{field}: a list of correct answers must not be empty or hold an empty one"
            )
        return tuple(dict.fromkeys(answer for answer in found if answer is not None))
    answer = _answer(field, value)
    return () if answer is None else (answer,)


def _answer(field: str, value: JsonValue) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return str(int(value)) if value.is_integer() and abs(value) < _EXACT else str(value)
        case str():
            return value if value.strip() else None
        case dict():
            raise BadInputError(
                f"{field}: is an object; name the correct answer in it, as --truth-field "
                f"{field}.NAME ({listed(list(value), 8)})"
            )
        case _:
            raise BadInputError(
                f"{field}: the ground truth must be text or a number, or a list of these; put "
                "anything else in a field of another name, which a verifier of yours finds in "
                "task.extra"
            )


def final_answers(tasks: Sequence[Task], fields: Sequence[str | None]) -> tuple[Task, ...]:
    """The tasks, with what follows #### as the answer, if each answer is a worked solution.

    The solution stays in the task's extra, under the name of its field.
    """
    truths = [task.ground_truth for task in tasks if task.ground_truth is not None]
    if not truths or not all(_final(truth) for truth in truths):
        return tuple(tasks)
    return tuple(
        task
        if task.ground_truth is None
        else task.model_copy(
            update={
                "ground_truth": _final(task.ground_truth),
                "extra": {field or "answer": task.ground_truth, **task.extra},
            }
        )
        for task, field in zip(tasks, fields, strict=True)
    )


def _final(solution: str) -> str:
    """What follows the last mark; nothing if there is none."""
    _, mark, answer = solution.rpartition(WORKED)
    return answer.strip() if mark else ""
