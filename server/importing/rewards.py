"""Reads a reward: a number, or one of the grades that evaluations write. Null is unscored."""

from __future__ import annotations

import math
import sys

from experience_store.errors import BadInputError
from server.importing.fields import as_list, as_object, listed

GRADES = {
    "c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0,  # Inspect's: correct, incorrect, partial, no answer
    "correct": 1.0, "incorrect": 0.0, "partial": 0.5,
    "pass": 1.0, "fail": 0.0, "passed": 1.0, "failed": 0.0,
    "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0,
}  # fmt: skip


def read_reward(value: object, field: str) -> float | None:
    """The reward in a field.

    Raises:
        BadInputError: If it is not one; says which field to name instead.
    """
    match value:
        case None:
            return None
        case int() if abs(value) > sys.float_info.max:
            number = math.inf
        case bool() | int() | float():
            number = float(value)
        case str():
            number = _in_words(value, field)
        case _:
            raise BadInputError(_no_number(value, field))
    if not math.isfinite(number):
        raise BadInputError(f"{field}: {number} is not a reward: use null if it is unknown")
    return number


def _in_words(text: str, field: str) -> float:
    grade = GRADES.get(text.strip().lower())
    if grade is not None:
        return grade
    try:
        return float(text)
    except ValueError as error:
        raise BadInputError(
            f"{field}: {text[:40]!r} is not a reward: give a number, or null if it is unknown"
        ) from error


def _no_number(value: object, field: str) -> str:
    inner = as_object(value)
    names = list(inner) if inner is not None else [str(n) for n in range(len(as_list(value) or ()))]
    kind = "a list" if inner is None else "an object"
    choice = f"name one of its entries with --reward-field {field}.NAME ({listed(names, 8)})"
    return (
        f"{field}: is {kind}, and a reward is a number: {choice}"
        if names
        else (f"{field}: is {kind}, and a reward is a number; use null if it is unknown")
    )
