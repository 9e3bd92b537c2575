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
from server.importing.fields import (
    field_names,
    first_spelt,
    has,
    listed,
    lookup,
    read_name,
)
from server.importing.json_text import JsonObject
from server.practice.datasets.answers import RIGHT_ANSWERS, final_answers, read_answers
from server.practice.datasets.choices import choices_of
from server.practice.datasets.prompts import Prompt
from server.practice.datasets.row_fields import find_prompt, find_truth
from server.practice.datasets.rows import Row, read_rows, refuse
from server.practice.datasets.single_object import rows_in
from server.practice.records import Task

Made = TypeVar("Made")

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
    if len(rows) == 1 and not _has_prompt(rows[0].value, fields):
        rows = rows_in(rows[0].value, lambda row: _has_prompt(row, fields)) or rows
    _check_field(rows, fields.truth, "--truth-field")
    _check_field(rows, fields.task, "--task-field")
    from_one = _counts_from_one(rows, fields)
    read = _each(rows, lambda row: _read(row, fields, from_one=from_one))
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


def _has_prompt(value: JsonObject, fields: Fields) -> bool:
    try:
        find_prompt(value, fields.task)
    except BadInputError:
        return False
    return True


def _counts_from_one(rows: list[Row], fields: Fields) -> bool:
    """Whether the right choices are numbered from 1, which only all of them together tell."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if (choices := choices_of(row.value)) is not None:
            field = fields.truth or find_truth(row.value, "", has_choices=True)
            index = choices.index(_given(row.value, field))
            found += [] if index is None else [(index, len(choices.texts))]
    return any(index == size for index, size in found) and all(index for index, _ in found)


def _read(row: Row, fields: Fields, *, from_one: bool) -> _Read:
    value = row.value
    prompt_field, prompt = find_prompt(value, fields.task)
    choices = choices_of(value)
    truth_field = fields.truth or find_truth(value, prompt_field, has_choices=choices is not None)
    answers = _answers(value, truth_field, prompt)
    text = prompt.text
    if choices is not None and (answers or not choices.are_columns):
        given = _given(value, truth_field)
        numbers = [given] if isinstance(given, int) else answers
        chosen = choices.chosen(truth_field or "", numbers, from_one=from_one)
        text = text if chosen is None else choices.added_to(text)
        answers = answers if chosen is None else chosen
    id_field = first_spelt(value, ID_FIELDS)
    truth = answers[0] if answers else None
    try:
        task = Task(
            id=read_name(id_field, value[id_field]) if id_field else _made_id(text, truth),
            prompt=text,
            ground_truth=truth,
            extra=_extra(value, {prompt_field, truth_field, id_field}, answers),
        )
    except (ValidationError, RecursionError) as error:
        raise BadInputError("is nested too deeply") from error
    return _Read(row.place, task, truth_field)


def _extra(value: JsonObject, used: set[str | None], answers: Sequence[str]) -> JsonObject:
    """What else a row has, and objects of which only a part is used; and several right answers."""
    out = {*IGNORED_FIELDS, *(n for n in used if n and not isinstance(value.get(n), dict))}
    rest = {name: held for name, held in value.items() if name not in out}
    return {**rest, RIGHT_ANSWERS: list(answers)} if len(answers) > 1 else rest


def _answers(value: JsonObject, field: str | None, prompt: Prompt) -> tuple[str, ...]:
    """The right answers; without a field, what the assistant says in the prompt's chat."""
    if field is not None and has(value, field):
        return read_answers(field, cast("JsonValue", lookup(value, field)))
    return () if field is not None or prompt.answer is None else (prompt.answer,)


def _given(value: JsonObject, field: str | None) -> JsonValue:
    """What the field of the right answer holds; a whole number is an int."""
    if field is None or not has(value, field):
        return None
    given = cast("JsonValue", lookup(value, field))
    return int(given) if isinstance(given, float) and given.is_integer() else given


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
    found: dict[str, _Read] = {}
    for r in read:
        earlier = found.setdefault(r.task.prompt, r)
        if earlier is r:
            continue
        names = f" ({r.task.id!r} and {earlier.task.id!r})" if r.task.id != earlier.task.id else ""
        if r.task.ground_truth == earlier.task.ground_truth:
            yield f"{r.place}: the same task as {earlier.place}{names}; leave one of them out"
        else:
            yield (
                f"{r.place}: asks the same as {earlier.place}{names} with another right answer; "
                "give both in one row, as a list"
            )
