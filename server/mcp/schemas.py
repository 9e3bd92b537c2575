"""What tools are made of: the context of a call, schemas of arguments, functions made into tools.

The schemas describe the preferred form; `submissions` understands others too. So lists arrive as
plain objects, and an invalid one is refused with how to fix the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from experience_store.errors import BadInputError
from experience_store.submissions.clean_text import number_as_text
from experience_store.submissions.forms.fields import snake_case
from experience_store.submissions.forms.values import as_list, from_json_text, is_object
from server.access import Scope, current_access
from server.app import App

MAX_HOST_NAME = 60  # characters of the name a host gives itself

AppContext: TypeAlias = Context[App, Any]


def app_of(ctx: AppContext) -> App:
    """The app as the caller sees it."""
    return ctx.request_context.lifespan_context.seen()


def author_of(ctx: AppContext) -> str:
    """The author of a change, for histories: the host, and the signed-in caller if any."""
    info = ctx.session.client_params.client_info if ctx.session.client_params else None
    host = f"host {info.name[:MAX_HOST_NAME]}" if info else "host"
    who = current_access.get().who
    return f"{host} for {who}" if who else host


def _loose(value: object) -> object:
    """A name or an id: a number as text, and without spaces around it."""
    text = number_as_text(value)
    return text.strip() if isinstance(text, str) else text


LooseText = Annotated[str, BeforeValidator(_loose)]
LibraryName = Annotated[
    LooseText | None,
    WithJsonSchema({"type": "string"}),
    Field(description="Library, e.g. 'airline-support'; omit for the default"),
]
_TEXT = {"type": "string"}
# As much of a message as models need: other fields are taken, too, but some APIs refuse a whole
# tool for an object without properties.
_MESSAGE = {
    "type": "object",
    "properties": {
        "role": _TEXT,
        "content": _TEXT,
        "tool_calls": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": _TEXT, "arguments": _TEXT}},
        },
    },
}
Trajectories = Annotated[
    object,
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "reward": {
                        "anyOf": [{"type": "number"}, {"type": "null"}],
                        "description": "Any scale, higher is better; null if unscored",
                    },
                    "messages": {
                        "type": "array",
                        "items": _MESSAGE,
                        "description": "OpenAI chat messages with tool calls and results",
                    },
                    "output": {
                        "type": "string",
                        "description": "Plain text, if there are no messages",
                    },
                    "feedback": {"type": "string", "description": "The verifier's comment"},
                    "retrieval_id": {
                        "type": "string",
                        "description": "From get_experiences, if the attempt was given its result",
                    },
                    "model": {"type": "string"},
                    "metadata": {"type": "object", "properties": {"seed": {"type": "integer"}}},
                    "id": {"type": "string", "description": "Resending an id changes nothing"},
                },
                "required": ["reward"],
            },
        }
    ),
    Field(description="Attempts, each with messages or output"),
]
Answers = Annotated[
    object,
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "request_id": {"type": "string"},
                    "answer": {
                        "anyOf": [
                            {"type": "object", "properties": {"summary": _TEXT}},
                            _TEXT,
                        ],
                        "description": "Matching the request's answer_schema",
                    },
                },
                "required": ["request_id", "answer"],
            },
        }
    ),
    Field(description="One or more answers, in any order"),
]


class _GivenAnswer(BaseModel):
    request_id: LooseText
    answer: str | dict[str, object]


_ANSWER = TypeAdapter(_GivenAnswer)
MAX_ANSWERS = 64  # several times the requests of a page


def read_answers(answers: object) -> list[tuple[str, str | Mapping[str, object]]]:
    """The answers as pairs of request id and raw answer.

    Raises:
        BadInputError: If one is not of the form {"request_id": ..., "answer": ...}, or there are
            too many.
    """
    read: list[tuple[str, str | Mapping[str, object]]] = []
    listed = _listed(answers)
    if len(listed) > MAX_ANSWERS:
        raise BadInputError(
            f"answers: {len(listed):,} at once are too many: send at most {MAX_ANSWERS} in a call"
        )
    for number, item in enumerate(listed):
        if item is None:
            continue
        found = from_json_text(item)
        if is_object(found):
            found = {snake_case(name): value for name, value in found.items()}
        try:
            given = _ANSWER.validate_python(found)
        except ValidationError as error:
            raise BadInputError(
                f"answers.{number}: must be an object with request_id (a string) and answer (an "
                "object that matches the request's answer_schema, or the same as a JSON string)"
            ) from error
        read.append((given.request_id, given.answer))
    if not read:
        raise BadInputError("answers: send at least one answer")
    return read


def _listed(answers: object) -> list[object]:
    """The answers as a list, also if they are an object with each under its request's id."""
    found = from_json_text(answers)
    if is_object(found) and not {snake_case(name) for name in found} & {"request_id", "answer"}:
        return [{"request_id": id_, "answer": answer} for id_, answer in found.items()]
    return as_list(found)


class ScopedTool(Tool):
    """A tool that is visible only to callers with its scope."""

    scope: Scope = Field(default=Scope.ADMINISTER, exclude=True)


def make_tool(
    function: Callable[..., object],
    title: str,
    scope: Scope,
    *,
    reads: bool,
    idempotent: bool,
    destroys: bool = False,
) -> ScopedTool:
    """A function as a tool; its docstring is the description that models read."""
    tool = ScopedTool.from_function(
        function,
        title=title,
        description=" ".join((function.__doc__ or "").split()),
        annotations=ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=destroys,
            idempotent_hint=idempotent,
            open_world_hint=False,
        ),
    )
    assert isinstance(tool, ScopedTool), "made as one"
    tool.scope = scope
    tool.parameters = _compact(tool.parameters)
    if tool.fn_metadata.output_schema is not None:
        schema = _compact(tool.fn_metadata.output_schema)
        schema.pop("description", None)
        tool.fn_metadata.output_schema = schema
    return tool


def _compact(schema: Mapping[str, object]) -> dict[str, Any]:
    """A schema without titles and null defaults, which cost tokens and say nothing."""
    return {
        key: _compact_value(key, value)
        for key, value in schema.items()
        if key != "title" and not (key == "default" and not value)
    }


def _compact_value(key: str, value: object) -> object:
    if isinstance(value, dict):
        mapping = _SCHEMA.validate_python(value)
        if key in {"properties", "$defs"}:
            return {name: _compact_value("", inner) for name, inner in mapping.items()}
        return _compact(mapping)
    if isinstance(value, list):
        return [_compact_value("", item) for item in _ITEMS.validate_python(value)]
    return value


_SCHEMA = TypeAdapter(dict[str, object])
_ITEMS = TypeAdapter(list[object])
