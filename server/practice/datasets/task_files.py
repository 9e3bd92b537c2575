"""Tasks from a JSON lines file: each line an object with a prompt, and perhaps the right answer.

A practice run costs money, so a file is read as a whole before anything else happens, and one bad
line refuses all of it. Attempts that a line may hold are another agent's; they are not looked at.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from experience_store.errors import BadInputError
from server.importing.fields import read_name
from server.importing.json_text import JsonObject, read_object
from server.practice.records import Task

T = TypeVar("T")
Made = TypeVar("Made")

TASK_FIELDS = ("task", "prompt", "question", "problem", "query")
TRUTH_FIELDS = ("ground_truth", "answer", "solution", "target")
ID_FIELDS = ("id", "task_id")
IGNORED_FIELDS = ("attempts", "trajectories")
MAX_NAMED = 5  # bad lines that an error names


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a line has its prompt and its ground truth; None looks in the usual places."""

    task: str | None = None
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    value: JsonObject


@dataclass(frozen=True, slots=True)
class _Read:
    number: int
    task: Task


def read_tasks(path: Path, fields: Fields) -> tuple[Task, ...]:
    """The tasks of a file, in its order.

    Raises:
        BadInputError: If anything in it cannot be taken; it names up to five bad lines.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise BadInputError(f"{path}: has no tasks; give one JSON object per line")
    values = _each(path, numbered, lambda n, line: _Line(n, read_object(line, strict=True)))
    _check_truth_field(path, values, fields.truth)
    read = _each(
        path, [(v.number, v.value) for v in values], lambda n, v: _Read(n, _task(v, fields))
    )
    _refuse_repeated(path, read)
    return tuple(r.task for r in read)


def _each(path: Path, lines: list[tuple[int, T]], read: Callable[[int, T], Made]) -> list[Made]:
    """What is read from each line; raises when any cannot be."""
    made: list[Made] = []
    bad: list[str] = []
    for number, line in lines:
        try:
            made.append(read(number, line))
        except BadInputError as error:
            bad.append(f"line {number}: {error}")
    _refuse(path, bad)
    return made


def _refuse(path: Path, bad: list[str]) -> None:
    if bad:
        more = f"\n… and {len(bad) - MAX_NAMED} more" if len(bad) > MAX_NAMED else ""
        raise BadInputError(f"{path} has invalid lines.\n" + "\n".join(bad[:MAX_NAMED]) + more)


def _task(value: JsonObject, fields: Fields) -> Task:
    prompt_field, prompt = _prompt(value, fields.task)
    truth_field = fields.truth or _first(value, TRUTH_FIELDS, but=prompt_field)
    truth = _truth(truth_field, value.get(truth_field)) if truth_field else None
    id_field = _first(value, ID_FIELDS)
    used = {prompt_field, truth_field, id_field, *IGNORED_FIELDS}
    name = read_name(id_field, value[id_field]) if id_field else _made_id(prompt, truth)
    extra = {key: item for key, item in value.items() if key not in used}
    try:
        return Task(id=name, prompt=prompt, ground_truth=truth, extra=extra)
    except (ValidationError, RecursionError) as error:
        raise BadInputError("is nested too deeply") from error


def _prompt(value: JsonObject, field: str | None) -> tuple[str, str]:
    """The field that holds the prompt, and the prompt."""
    found = field or _first(value, TASK_FIELDS)
    if found is None or found not in value:
        wanted = found or ", ".join(TASK_FIELDS)
        has = ", ".join(value) or "nothing"
        raise BadInputError(
            f"has no prompt ({wanted}); it has {has}: name the field with the prompt"
        )
    prompt = value[found]
    if not isinstance(prompt, str) or not prompt.strip():
        raise BadInputError(f"{found}: must be text, and not empty")
    return found, prompt


def _truth(field: str, value: JsonValue) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return str(value)
        case str():
            return value if value.strip() else None
        case _:
            raise BadInputError(
                f"{field}: the right answer must be text or a number; put anything else in a field "
                "of another name, which a verifier of yours finds in task.extra"
            )


def _made_id(prompt: str, truth: str | None) -> str:
    """An id that is the same wherever in the file the line stands."""
    text = json.dumps([prompt, truth])
    return f"task-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _first(value: JsonObject, fields: tuple[str, ...], but: str | None = None) -> str | None:
    return next((f for f in fields if f != but and value.get(f) is not None), None)


def _check_truth_field(path: Path, lines: list[_Line], field: str | None) -> None:
    """A single line may lack the field; if all do, its name is wrong."""
    if field is None or any(field in line.value for line in lines):
        return
    known = list(dict.fromkeys(key for line in lines for key in line.value))
    close = get_close_matches(field, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"they have {', '.join(known[:20])}"
    raise BadInputError(f"{path}: no line has the field {field!r}; {hint}")


def _refuse_repeated(path: Path, read: list[_Read]) -> None:
    _refuse(path, [*_repeated_ids(read), *_repeated_tasks(read)])


def _repeated_ids(read: list[_Read]) -> Iterator[str]:
    first: dict[str, int] = {}
    said: dict[tuple[str, str | None], int] = {}
    for r in read:
        content = (r.task.prompt, r.task.ground_truth)
        same_task = said.setdefault(content, r.number) != r.number
        line = first.setdefault(r.task.id, r.number)
        if line != r.number and not same_task:
            yield (
                f"line {r.number}: the id {r.task.id!r} is that of line {line} already; "
                "give each task its own"
            )


def _repeated_tasks(read: list[_Read]) -> Iterator[str]:
    first: dict[tuple[str, str | None], _Read] = {}
    for r in read:
        earlier = first.setdefault((r.task.prompt, r.task.ground_truth), r)
        if earlier is not r:
            yield (
                f"line {r.number}: the same task as line {earlier.number} "
                f"({r.task.id!r} and {earlier.task.id!r}); leave one of them out"
            )
