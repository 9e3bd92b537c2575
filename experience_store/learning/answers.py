"""What a language model answers, and how its operations are read.

The JSON schemas are what an endpoint with strict structured output is given and what a host is
shown. Reading is more lenient than the schemas where the meaning is plain (the case of a name,
`id` for `ids`, an id in brackets or as a number), and never guesses: an operation that cannot be
read becomes a refusal of its own and does not cost the others.
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
from experience_store.learning.json_text import parse_object, restore_latex
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
MAX_OPERATIONS = 64
MAX_TEXT = 20_000

_OPERATION: dict[str, object] = {
    "operation": {"type": "string", "enum": ["Add", "Revise", "Merge", "Retire", "Keep"]},
    "ids": {"type": "array", "items": {"type": "string"}},
    "name": {"type": "string"},
    "experience": {"type": "string"},
}


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


SUMMARY_SCHEMA: Schema = _object({"summary": {"type": "string"}})
COMPARISON_SCHEMA: Schema = _object(
    {
        "reasons": {"type": "string"},
        "operations": {"type": "array", "items": _object(_OPERATION)},
    }
)
CONSOLIDATION_SCHEMA: Schema = _object(
    {
        "operations": {
            "type": "array",
            "items": _object(
                {**_OPERATION, "from": {"type": "array", "items": {"type": "string"}}}
            ),
        }
    }
)


@dataclass(frozen=True, slots=True)
class Summary:
    """The short account of one attempt."""

    text: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One operation of an answer, or the refusal of one that could not be read."""

    operation: Operation | Refusal
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Why the winners won, and what the library should learn from it."""

    reasons: str
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class Consolidation:
    """One list made of the proposals of several comparisons."""

    suggestions: tuple[Suggestion, ...]


Answer: TypeAlias = Summary | Comparison | Consolidation


def _as_list(value: object) -> object:
    if value is None:
        return []
    if isinstance(value, str | int):
        return _as_list([value])
    if not isinstance(value, list):
        return value
    items = _LIST.validate_python(value)
    if any(isinstance(item, bool) for item in items):
        raise ValueError("true and false are no ids")
    return items


_LIST = TypeAdapter(list[object])


def _as_text(value: object) -> object:
    """Text of a field that models also fill with null or a list of sentences."""
    if value is None:
        return ""
    if isinstance(value, list):
        items: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # JSON
        return "\n".join(str(item) for item in items)
    return value


_Text = Annotated[str, BeforeValidator(_as_text), StringConstraints(max_length=MAX_TEXT)]
_Names = Annotated[list[str | int], BeforeValidator(_as_list), Field(max_length=MAX_OPERATIONS)]


class _Summary(BaseModel):
    summary: Annotated[_Text, StringConstraints(strip_whitespace=True, min_length=1)]


class _Operation(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    operation: _Text = Field(validation_alias=AliasChoices("operation", "op", "option"))
    ids: _Names = Field(default=[], validation_alias=AliasChoices("ids", "id"))
    name: _Text = ""
    experience: _Text = Field(default="", validation_alias=AliasChoices("experience", "text"))
    origin: _Names = Field(default=[], validation_alias="from")


class _Comparison(BaseModel):
    reasons: _Text = ""
    operations: Annotated[list[object], Field(max_length=MAX_OPERATIONS)]


class _Consolidation(BaseModel):
    operations: list[object]


_M = TypeVar("_M", bound=BaseModel)


def read_summary(raw: RawAnswer) -> Summary:
    """Read the answer to a Summarise request.

    Raises:
        AnswerRefusedError: If it does not fit `SUMMARY_SCHEMA`.
    """
    return Summary(_read(_Summary, raw).summary)


def read_comparison(raw: RawAnswer) -> Comparison:
    """Read the answer to a Compare request.

    Raises:
        AnswerRefusedError: If it does not fit `COMPARISON_SCHEMA` even when read leniently.
    """
    answer = _read(_Comparison, raw)
    return Comparison(answer.reasons, _suggestions(answer.operations))


def read_consolidation(raw: RawAnswer) -> Consolidation:
    """Read the answer to a Consolidate request.

    Raises:
        AnswerRefusedError: If it does not fit `CONSOLIDATION_SCHEMA` even when read leniently.
    """
    return Consolidation(_suggestions(_read(_Consolidation, raw).operations))


def _read(model: type[_M], raw: RawAnswer) -> _M:
    value: object
    if isinstance(raw, str):
        value = parse_object(raw, expected=tuple(model.model_fields))
    else:
        value = restore_latex(dict(raw))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise AnswerRefusedError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """A validation error as one sentence for whoever wrote the value, without the value."""
    problems = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the value'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)[:5]
    ]
    return "; ".join(problems)


def _suggestions(raw: Sequence[object]) -> tuple[Suggestion, ...]:
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
    """The operations that are meant, or why none can be read."""
    kind = answer.operation.strip().lower()
    ids: list[str] = []
    for raw in answer.ids if kind != "add" else []:
        if not str(raw).strip():
            continue
        id_ = normalise_id(raw)
        if id_ is None:
            return f"{str(raw)[:40]!r} is no id of an experience (ids look like G1)"
        ids.append(id_)
    match kind:
        case "add":
            return (Add(answer.name.strip(), answer.experience.strip()),)
        case "merge":
            return (Merge(tuple(dict.fromkeys(ids)), answer.name.strip(), answer.experience),)
        case "keep":
            return tuple(Keep(id_) for id_ in ids) or (Keep(),)
        case "revise" | "retire" if len(ids) != 1:
            return f"{kind.capitalize()} takes exactly one id, not {len(ids)}"
        case "revise":
            return (Revise(ids[0], answer.name.strip(), answer.experience.strip()),)
        case "retire":
            return (Retire(ids[0]),)
        case _:
            return (
                f"{answer.operation[:40]!r} is no operation: use Add, Revise, Merge, Retire or Keep"
            )
