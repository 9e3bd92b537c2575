"""Tasks from a file: each row has a prompt, and perhaps the right answer.

A practice run costs money, so a file is read as a whole before anything else happens, and one bad
row refuses all of it. Attempts that a row may hold are another agent's; they are not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar, cast

from pydantic import JsonValue, ValidationError

from experience_store.errors import BadInputError
from server.importing.fields import field_names, first, has, listed, lookup, read_name
from server.importing.json_text import JsonObject
from server.practice.datasets.answers import RIGHT_ANSWERS, final_answers, read_answers
from server.practice.datasets.prompts import Prompt, read_prompt
from server.practice.datasets.rows import Row, read_rows, refuse
from server.practice.records import Task

Made = TypeVar("Made")

TASK_FIELDS = ("task", "prompt", "question", "problem", "query", "messages")
TRUTH_FIELDS = (
    *("ground_truth", "answer", "solution", "target", "answers", "reward_model.ground_truth"),
)
ID_FIELDS = ("id", "task_id")
IGNORED_FIELDS = ("attempts", "trajectories")


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a row has its prompt and its ground truth; None looks in the usual places.

    A name may lead into objects and lists: `reward_model.ground_truth`.
    """

    task: str | None = None
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A task, where it stands, and the field of its right answer."""

    place: str
    task: Task
    truth_field: str | None


def read_tasks(path: Path, fields: Fields) -> tuple[Task, ...]:
    """The tasks of a file, in its order.

    Raises:
        BadInputError: If anything in it cannot be taken; it names up to five bad rows.
    """
    try:
        return _tasks(read_rows(path), fields)
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}") from error


def _tasks(rows: list[Row], fields: Fields) -> tuple[Task, ...]:
    if not rows:
        raise BadInputError("has no tasks; give one JSON object per line, or a row of a table")
    _check_field(rows, fields.truth, "--truth-field")
    _check_field(rows, fields.task, "--task-field")
    read = _each(rows, lambda row: _read(row, fields))
    made = final_answers([r.task for r in read], [r.truth_field for r in read])
    _refuse_repeated(
        [_Read(r.place, task, r.truth_field) for r, task in zip(read, made, strict=True)]
    )
    return made


def _each(rows: list[Row], read: Callable[[Row], Made]) -> list[Made]:
    """What is read from each row; raises when any cannot be."""
    made: list[Made] = []
    bad: list[str] = []
    for row in rows:
        try:
            made.append(read(row))
        except BadInputError as error:
            bad.append(f"{row.place}: {error}")
    refuse(bad)
    return made


def _read(row: Row, fields: Fields) -> _Read:
    value = row.value
    prompt_field, prompt = _prompt(value, fields.task)
    truth_field = fields.truth or first(value, TRUTH_FIELDS, but=prompt_field)
    answers = _answers(value, truth_field, prompt)
    id_field = first(value, ID_FIELDS)
    used = {prompt_field, truth_field, id_field, *IGNORED_FIELDS}
    extra: dict[str, JsonValue] = {key: item for key, item in value.items() if key not in used}
    if len(answers) > 1:
        extra[RIGHT_ANSWERS] = list(answers)
    truth = answers[0] if answers else None
    name = read_name(id_field, value[id_field]) if id_field else _made_id(prompt.text, truth)
    try:
        task = Task(id=name, prompt=prompt.text, ground_truth=truth, extra=extra)
    except (ValidationError, RecursionError) as error:
        raise BadInputError("is nested too deeply") from error
    return _Read(row.place, task, truth_field)


def _answers(value: JsonObject, field: str | None, prompt: Prompt) -> tuple[str, ...]:
    """The right answers; without a field, what the assistant says in the prompt's chat."""
    if field is not None and has(value, field):
        return read_answers(field, cast("JsonValue", lookup(value, field)))
    return () if field is not None or prompt.answer is None else (prompt.answer,)


def _prompt(value: JsonObject, field: str | None) -> tuple[str, Prompt]:
    """The field that holds the prompt, and the prompt."""
    found = field or first(value, TASK_FIELDS)
    if found is None:
        raise BadInputError(
            f"has no prompt ({', '.join(TASK_FIELDS)}); it has {', '.join(value) or 'nothing'}: "
            "name the field with the prompt (--task-field)"
        )
    return found, read_prompt(found, cast("JsonValue", lookup(value, found)))


def _made_id(prompt: str, truth: str | None) -> str:
    """An id that is the same wherever in the file the line stands."""
    text = json.dumps([prompt, truth])
    return f"task-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _check_field(rows: list[Row], field: str | None, option: str) -> None:
    """A single row may lack the field; if all do, its name is wrong."""
    if field is None or any(has(row.value, field) for row in rows):
        return
    known = list(dict.fromkeys(name for row in rows for name in field_names(row.value)))
    close = get_close_matches(field, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"they have {listed(known)}"
    raise BadInputError(f"no row has the field {field!r} ({option}); {hint}")


def _refuse_repeated(read: Sequence[_Read]) -> None:
    refuse([*_repeated_ids(read), *_repeated_tasks(read)])


def _repeated_ids(read: Sequence[_Read]) -> Iterator[str]:
    found: dict[str, str] = {}
    said: dict[tuple[str, str | None], str] = {}
    for r in read:
        content = (r.task.prompt, r.task.ground_truth)
        same_task = said.setdefault(content, r.place) != r.place
        place = found.setdefault(r.task.id, r.place)
        if place != r.place and not same_task:
            yield (
                f"{r.place}: the id {r.task.id!r} is that of {place} already; "
                "give each task its own"
            )


def _repeated_tasks(read: Sequence[_Read]) -> Iterator[str]:
    found: dict[tuple[str, str | None], _Read] = {}
    for r in read:
        earlier = found.setdefault((r.task.prompt, r.task.ground_truth), r)
        if earlier is not r:
            yield (
                f"{r.place}: the same task as {earlier.place} "
                f"({r.task.id!r} and {earlier.task.id!r}); leave one of them out"
            )
