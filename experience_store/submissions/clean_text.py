"""Text that can be stored: without lone surrogates, which no encoding can represent."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

MAX_TEXT = 200_000
MAX_ID = 200


def clean(text: str) -> str:
    """Replace lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cleaned(text: str | None) -> str | None:
    """Replace lone surrogates in a text, if there is one."""
    return None if text is None else clean(text)


def _sound(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


def _text_or_json(value: object) -> object:
    """Text, or a structured value (such as a list of calls as ground truth) as JSON."""
    if isinstance(value, str | None):
        return _sound(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def only_item(value: object) -> object:
    """The text or number that stands alone in a list; anything else as it is."""
    match value:
        case [str() | int() | float() as inner]:
            return inner
        case _:
            return value


def number_as_text(value: object) -> object:
    """An id or a name as text, also if it was written as a number or alone in a list."""
    value = only_item(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return _sound(value)


# The constraint comes first, so that it applies to the cleaned text and strips before counting.
AnyText = Annotated[str, StringConstraints(max_length=MAX_TEXT), BeforeValidator(_text_or_json)]
Task = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    BeforeValidator(_sound),
]
Id = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID),
    BeforeValidator(number_as_text),
]
