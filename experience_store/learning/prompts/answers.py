"""An answer as it comes: its JSON schema, and its text checked against a pydantic model.

The schemas are what an endpoint with strict structured output is given and what a host is shown.
The models are more lenient where the meaning is plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError

from experience_store.errors import AnswerRefusedError
from experience_store.learning.answer_json import clean_object, parse_object

RawAnswer: TypeAlias = str | Mapping[str, object]
Schema: TypeAlias = Mapping[str, object]
MAX_TEXT = 20_000


def object_schema(properties: Mapping[str, object]) -> dict[str, object]:
    """The schema of an object that has these properties, all of them, and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _as_text(value: object) -> object:
    """Text of a field that models also fill with null or a list of sentences."""
    if value is None:
        return ""
    if isinstance(value, list):
        items: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # JSON
        return "\n".join(str(item) for item in items)
    return value


Text = Annotated[str, BeforeValidator(_as_text), StringConstraints(max_length=MAX_TEXT)]

_M = TypeVar("_M", bound=BaseModel)


def read_answer(model: type[_M], raw: RawAnswer) -> _M:
    """The answer as a value of the model.

    Raises:
        AnswerRefusedError: If it does not fit. The message is written for the model that answers.
    """
    value: object
    if isinstance(raw, str):
        value = parse_object(raw, expected=tuple(model.model_fields))
    else:
        value = clean_object(dict(raw))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise AnswerRefusedError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """A validation error as one sentence for the model, without the value."""
    problems = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the value'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)[:5]
    ]
    return "; ".join(problems)
