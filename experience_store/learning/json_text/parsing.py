"""Of all the JSON in an answer, the object that was asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from experience_store.errors import AnswerRefusedError
from experience_store.learning.json_text.bounds import MAX_CHARS, ONE_OBJECT
from experience_store.learning.json_text.decoding import decode
from experience_store.learning.json_text.latex import restore_latex
from experience_store.learning.json_text.regions import Region, regions

_WRAPPED_LIST = "operations"  # the key of a list that came without the object around it


def parse_object(text: str, expected: Collection[str] = ()) -> dict[str, object]:
    """The JSON object that a model's answer holds, with its LaTeX as it was meant.

    Of several objects the one with the most `expected` keys is taken, the last of equals, since
    models correct themselves downwards; when nothing is expected, the longest. If "operations" is
    expected, a bare list of objects is taken for the value of that key, and a list of one object
    for that object.

    Raises:
        AnswerRefusedError: If there is no such object, or it is incomplete, too long, too deep,
            or holds what is no JSON number. The message is written for the model.
    """
    if len(text) > MAX_CHARS:
        raise AnswerRefusedError(
            f"The answer has {len(text)} characters; at most {MAX_CHARS} are read. Shorten it."
        )
    values = [(r, decode(r, expected)) for r in regions(text)]
    chosen = _chosen(values, expected)
    return cast("dict[str, object]", restore_latex(chosen))


def _chosen(values: list[tuple[Region, object]], expected: Collection[str]) -> dict[str, object]:
    objects = [(r, o) for r, value in values if (o := _as_object(value)) is not None]
    if not expected and objects:
        return max(objects, key=lambda found: found[0].end - found[0].start)[1]
    fitting = [o for _, o in objects if any(key in o for key in expected)]
    if fitting:
        # max() keeps the first of equals
        return max(reversed(fitting), key=lambda o: sum(key in o for key in expected))
    lists = [found for _, value in values if (found := _as_list(value)) is not None]
    if lists and _WRAPPED_LIST in expected:
        return {_WRAPPED_LIST: lists[-1]}
    raise AnswerRefusedError(_missing([o for _, o in objects], lists, expected))


def _as_object(value: object) -> dict[str, object] | None:
    match value:
        case dict():
            return cast("dict[str, object]", value)
        case [dict()]:
            return cast("list[dict[str, object]]", value)[0]
        case _:
            return None


def _as_list(value: object) -> list[object] | None:
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    return items if all(isinstance(item, dict) for item in items) else None


def _missing(
    objects: list[dict[str, object]], lists: list[list[object]], expected: Collection[str]
) -> str:
    """What to say when nothing in the answer is the object that was asked for."""
    keys = f" with the keys {', '.join(sorted(expected))}" if expected else ""
    if objects:
        found = ", ".join(list(objects[-1])[:8])[:200] or "no keys"
        wrong = f"The JSON object in the answer has other keys than the expected ones: {found}"
    elif lists:
        wrong = "The answer is a JSON list"
    else:
        wrong = "There is no JSON object in the answer"
    return f"{wrong}. {ONE_OBJECT}{keys}."
