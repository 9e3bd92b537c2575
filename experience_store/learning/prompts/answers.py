"""Answers of a language model: JSON schemas, parsing, and the operations they suggest.

Endpoints with strict structured output and hosts get the schemas. Parsing is more lenient where the
meaning is plain (the case of a name, `id` for `ids`, an id in brackets or as a number), and never
guesses: an operation that cannot be read becomes a refusal of its own and does not cost the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from experience_store.errors import AnswerRefusedError
from experience_store.learning.answer_json import clean_object, parse_object
from experience_store.operations import (
    Add,
    Keep,
    Merge,
    Operation,
    Refusal,
    Retire,
    Revise,
    normalise_id,
)

RawAnswer: TypeAlias = str | Mapping[str, object]
Schema: TypeAlias = Mapping[str, object]
MAX_TEXT = 20_000


def object_schema(properties: Mapping[str, object]) -> dict[str, object]:
    """The schema of an object with exactly these properties, all required."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _as_text(value: object) -> object:
    """The text of a field that models also fill with null or a list of sentences."""
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


MAX_OPERATIONS = 64
OPERATION: Mapping[str, object] = {
    "operation": {"type": "string", "enum": ["Add", "Revise", "Merge", "Retire", "Keep"]},
    "ids": {"type": "array", "items": {"type": "string"}},
    "name": {"type": "string"},
    "experience": {"type": "string"},
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One operation of an answer, or the refusal of one that could not be read."""

    operation: Operation | Refusal
    origin: tuple[str, ...] = ()


def _as_list(value: object) -> object:
    if value is None:
        return []
    if isinstance(value, str | int):
        return _as_list([value])
    if not isinstance(value, list):
        return value
    items = _LIST.validate_python(value)
    if any(isinstance(item, bool) for item in items):
        raise ValueError("true and false are not ids")
    return items


_LIST = TypeAdapter(list[object])


_Names = Annotated[list[str | int], BeforeValidator(_as_list), Field(max_length=MAX_OPERATIONS)]


class _Operation(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    operation: Text = Field(validation_alias=AliasChoices("operation", "op", "option"))
    ids: _Names = Field(default=[], validation_alias=AliasChoices("ids", "id"))
    name: Text = ""
    experience: Text = Field(default="", validation_alias=AliasChoices("experience", "text"))
    origin: _Names = Field(default=[], validation_alias="from")


def read_suggestions(raw: Sequence[object]) -> tuple[Suggestion, ...]:
    """The suggestions in a list of operations, refusals for those that cannot be read."""
    return tuple(suggestion for item in raw for suggestion in _suggestion(item))


def _suggestion(raw: object) -> tuple[Suggestion, ...]:
    shown = json.dumps(raw, ensure_ascii=False, default=str)[:500]
    try:
        answer = _Operation.model_validate(raw)
    except ValidationError as error:
        return (Suggestion(Refusal(f"not an operation: {explain(error)}", raw=shown)),)
    origin = tuple(str(o).strip().strip("[]").lower() for o in answer.origin)
    operations = _operations(answer)
    if isinstance(operations, str):
        return (Suggestion(Refusal(operations, raw=shown), origin),)
    return tuple(Suggestion(operation, origin) for operation in operations)


def _operations(answer: _Operation) -> tuple[Operation, ...] | str:
    """The operations that are meant, or why they cannot be read."""
    kind = answer.operation.strip().lower()
    ids = _ids(answer.ids) if kind != "add" else []
    if isinstance(ids, str):
        return ids
    match kind:
        case "add":
            return (Add(answer.name.strip(), answer.experience.strip()),)
        case "merge":
            distinct = tuple(dict.fromkeys(ids))
            return (Merge(distinct, answer.name.strip(), answer.experience.strip()),)
        case "keep":
            return tuple(Keep(id_) for id_ in ids) or (Keep(),)
        case "revise" | "retire" if len(ids) != 1:
            return f"{kind.capitalize()} takes exactly one id, not {len(ids)}"
        case "revise":
            return (Revise(ids[0], answer.name.strip(), answer.experience.strip()),)
        case "retire":
            return (Retire(ids[0]),)
        case _:
            known = "Add, Revise, Merge, Retire or Keep"
            return f"{answer.operation[:40]!r} is not an operation: use {known}"


def _ids(written: Sequence[str | int]) -> list[str] | str:
    """The ids that are meant, or why one of them is invalid."""
    ids: list[str] = []
    for raw in written:
        if not str(raw).strip():
            continue
        id_ = normalise_id(raw)
        if id_ is None:
            return f"{str(raw)[:40]!r} is not the id of an experience (ids look like G1)"
        ids.append(id_)
    return ids
