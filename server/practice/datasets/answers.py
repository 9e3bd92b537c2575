"""Right answers: text or a number, one or several, perhaps at the end of a worked solution."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue

from experience_store.errors import BadInputError
from experience_store.submissions.forms.values import from_json_text
from server.importing.fields import are_texts, first, listed
from server.practice.records import Task

RIGHT_ANSWERS = "right_answers"  # in `Task.extra`, where verifiers look for all of them
WORKED = "####"  # before the answer of a worked solution, as GSM8K has it
_IN_OBJECTS = ("text", "value", "answer", "output", "content", "message", "target", "spans")
_ASSERTION = re.compile(r"\s*([a-z-]+)(?:\([0-9.]*\))?:\s*(.*)", re.DOTALL)
_ASSERTIONS = frozenset(  # of promptfoo; what begins with another word is an answer
    (
        *("equals", "contains", "icontains", "contains-all", "contains-any", "icontains-all"),
        *("icontains-any", "starts-with", "regex", "is-json", "contains-json", "javascript", "fn"),
        *("eval", "python", "webhook", "similar", "llm-rubric", "grade", "factuality", "file"),
        *("rouge-n", "levenshtein", "latency", "cost", "perplexity", "answer-relevance"),
    )
)
_EXACT = 10**15  # integers below are the same as floats


def read_answers(field: str, value: JsonValue) -> tuple[str, ...]:
    """The right answers in a field, the main one first; none if it is empty.

    Raises:
        BadInputError: If it holds something else; says which field to name instead.
    """
    held = _unwrapped(value)
    if isinstance(held, list):
        found = [_answer(field, _unwrapped(item)) for item in held]
        if not found or None in found:
            raise BadInputError(
                f"{field}: a list of correct answers must not be empty or hold an empty one; leave "
                "the row out if it has none"
            )
        return tuple(dict.fromkeys(answer for answer in found if answer is not None))
    answer = _answer(field, held)
    return () if answer is None else (answer,)


def _unwrapped(value: JsonValue) -> JsonValue:
    """What is in the usual objects around answers, and the texts in a JSON list of texts."""
    if isinstance(value, str):
        several = from_json_text(value)
        return cast("JsonValue", several) if several and are_texts(several) else value
    if isinstance(value, dict):
        name = first(value, _IN_OBJECTS)
        inner, others = value.get(name or ""), value.get("aliases")
        if isinstance(inner, str | int | float) and isinstance(others, list):
            return [inner, *others]
        if isinstance(inner, dict):
            return _unwrapped(inner)
        return inner if isinstance(inner, str | int | float | list) else value
    return value


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
            return _asserted(field, value) if value.strip() else None
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


def _asserted(field: str, text: str) -> str:
    """The answer that promptfoo's column of assertions asks for."""
    found = _ASSERTION.fullmatch(text) if field.startswith("__expected") else None
    if found is None or (found[1] not in _ASSERTIONS and not found[1].startswith("not-")):
        return text
    if found[1] == "equals":
        return found[2]
    raise BadInputError(
        f"{field}: `{found[1]}` asserts something else than an answer; leave such rows out, or "
        "name another field with --truth-field"
    )


def final_answers(tasks: Sequence[Task], fields: Sequence[str | None]) -> tuple[Task, ...]:
    """The tasks, with what follows #### as the answer of a worked solution.

    An answer is one if its last line begins with the mark, or if each answer has the mark. The
    solution stays in the task's extra, under the name of its field.
    """
    truths = [task.ground_truth for task in tasks if task.ground_truth is not None]
    all_are = all(_final(truth) for truth in truths)
    return tuple(
        _finished(task, truth, field or "answer")
        if (truth := task.ground_truth) and (all_are or _ends_with_answer(truth))
        else task
        for task, field in zip(tasks, fields, strict=True)
    )


def _finished(task: Task, solution: str, field: str) -> Task:
    extra = {field: solution, **task.extra}
    return task.model_copy(update={"ground_truth": _final(solution), "extra": extra})


def _ends_with_answer(truth: str) -> bool:
    last = truth.rstrip().rpartition("\n")[2]
    return last.startswith(WORKED) and bool(_final(last))


def _final(solution: str) -> str:
    """What follows the last mark; nothing if there is none."""
    _, mark, answer = solution.rpartition(WORKED)
    return answer.strip() if mark else ""
