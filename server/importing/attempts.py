"""Reads the attempts in an entry of a file, whatever its form.

An entry is in another program's form (`forms`) or in one of the project's own (`own_forms`). Ids
derive from the contents of an entry and never from its position, so that reading it again is
idempotent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from experience_store.store import Submission
from server.importing.chat import are_messages, task_text
from server.importing.fields import Json, as_object, objects, only_objects, without
from server.importing.forms import form_of
from server.importing.forms.form import Form
from server.importing.naming import (
    FieldNames,
    content_of,
    group_digest,
    group_field,
    group_name,
    has_content,
    reward_of,
    single,
    task_of,
    truth_of,
)
from server.importing.own_forms import attempts_field, read_evaluation, read_group, read_rollout

_MAX_AROUND = 10_000  # characters that are kept with each of the entries that an object holds
GROUP, EVALUATION, ROLLOUT = "groups", "evaluations", "attempts"


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """What one entry, or a part of one, holds.

    Attributes:
        form: Name of the form it is in.
        library: The library that it names, if any.
        is_rollout: Whether it is one rollout, so that others may add to its group.
        left_out: Fields that are not stored, because they repeat what is.
        by_task: Whether nothing names its group, so that it is that of its task.
    """

    form: str
    submission: Submission
    library: str | None
    is_rollout: bool
    left_out: tuple[str, ...] = ()
    by_task: bool = False


def read_entry(
    value: Json, fields: FieldNames
) -> Iterator[tuple[str, ParsedEntry | BadInputError]]:
    """What an entry holds, each with its place there; or why it cannot be read.

    Raises:
        BadInputError: If no part of it can be read; says how to fix it.
    """
    if (form := form_of(value)) is not None:
        for place, part in form.parts(value):
            try:
                yield place, _read_foreign(form, part, fields)
            except BadInputError as error:
                yield place, error
    elif (holder := _holder(value, fields)) is not None:
        for place, inner in _held(value, holder):
            try:
                yield from ((f"{place} {p}".strip(), e) for p, e in read_entry(inner, fields))
            except BadInputError as error:
                yield place, error
    else:
        yield "", _read_own(value, fields)


def _holder(value: Json, fields: FieldNames) -> str | None:
    """The field with the entries, where an object only holds them."""
    lists = [n for n, of in value.items() if objects(of) and not are_messages(of)]
    if len(lists) != 1 or _is_entry(value, fields):
        return None
    (holder,) = lists
    around = json.dumps(without(value, (holder,)), default=str)
    inner = objects(value[holder])
    fits = len(around) <= _MAX_AROUND and any(form_of(i) or _is_entry(i, fields) for i in inner)
    return holder if fits else None


def _is_entry(value: Json, fields: FieldNames) -> bool:
    """Whether an attempt, or several, can be seen in an object."""
    is_group = "trajectories" in value or attempts_field(value, fields) is not None
    return is_group or has_content(value, fields)


def _held(value: Json, holder: str) -> Iterator[tuple[str, Json]]:
    """The entries, each with what the object says about all of them in its metadata."""
    around = without(value, (holder,))
    for number, inner in enumerate(only_objects(holder, value[holder])):
        metadata = as_object(inner.get("metadata"))
        is_own = "trajectories" in inner
        if around and not is_own and (metadata is not None or "metadata" not in inner):
            inner = {**inner, "metadata": {**(metadata or {}), "document": around}}  # noqa: PLW2901
        yield f"{holder}[{number}]", inner


def _read_own(value: Json, fields: FieldNames) -> ParsedEntry:
    """An entry in one of the project's own forms."""
    library = value.get("library")
    if library is not None and not isinstance(library, str):
        raise BadInputError("library: must be text")
    if library:
        check_library_name(library)
    if "trajectories" in value:
        return ParsedEntry(GROUP, read_group(value, fields), library, is_rollout=False)
    if (field := attempts_field(value, fields)) is not None:
        submission = read_evaluation(value, fields, field)
        return ParsedEntry(EVALUATION, submission, library, is_rollout=False)
    submission, by_task = read_rollout(value, fields)
    return ParsedEntry(ROLLOUT, submission, library, is_rollout=True, by_task=by_task)


def _read_foreign(form: Form, part: Json, fields: FieldNames) -> ParsedEntry:
    """One attempt in another program's form; fields that the user names go first."""
    record = form.read(part)
    attempt = {k: v for k, v in record.attempt.items() if v is not None}
    if fields.messages or fields.output:
        attempt = {k: v for k, v in attempt.items() if k not in {"messages", "output"}}
        attempt.update(content_of(part, fields)[1])
    attempt["reward"] = form.reward(part) if fields.reward is None else reward_of(part, fields)
    task = task_text(task_of(part, fields, record.task))
    truth = truth_of(part, fields, record.ground_truth)
    named_by = group_field(part, fields, (), required=fields.group is not None)
    group = group_name(part, fields, named_by)
    if group is None and record.group is not None:
        group = fields.prefix + record.group
    name = group or fields.prefix + group_digest({"task": task, "ground_truth": truth})
    return ParsedEntry(
        form.name,
        single(task, attempt, name, truth),
        None,
        is_rollout=True,
        left_out=record.left_out,
        by_task=group is None,
    )
