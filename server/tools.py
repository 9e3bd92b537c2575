"""The five tools: what an agent asks before a task, and what it reports after it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, WithJsonSchema

from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from experience_store.store import Receipt, Retrieval
from server.app import App
from server.results import (
    Experiences,
    LibrariesOut,
    LibraryOut,
    Submitted,
    UpdateOut,
    experiences_text,
    libraries_text,
    result,
    submitted_text,
    update_text,
)

MAX_SERVED_TOKENS = 20_000
MAX_TASK = 100_000

AppContext: TypeAlias = Context[App, Any]

Library = Annotated[
    str | None,
    WithJsonSchema({"type": "string"}),
    Field(description="Library of this kind of work, e.g. 'airline-support'"),
]
Trajectories = Annotated[
    list[object],
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "reward": {
                        "anyOf": [{"type": "number"}, {"type": "null"}],
                        "description": "Any scale, higher is better; null if not scored",
                    },
                    "messages": {
                        "type": "array",
                        "items": {"type": "object"},
                        "description": "OpenAI chat messages, with tool calls and results",
                    },
                    "output": {"type": "string", "description": "Plain text, if no messages"},
                    "feedback": {"type": "string", "description": "What the verifier said"},
                    "retrieval_id": {
                        "type": "string",
                        "description": "From get_experiences, if the attempt had its answer",
                    },
                    "model": {"type": "string"},
                    "metadata": {"type": "object"},
                    "id": {"type": "string", "description": "Resending the same id is harmless"},
                },
                "required": ["reward"],
                "additionalProperties": False,
            },
        }
    ),
    Field(description="The attempts, each with messages or output"),
]
Answers = Annotated[
    list[object],
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "request_id": {"type": "string"},
                    "answer": {
                        "anyOf": [{"type": "object"}, {"type": "string"}],
                        "description": "As the request's answer_schema says",
                    },
                },
                "required": ["request_id", "answer"],
            },
        }
    ),
    Field(description="Any number of answers, in any order"),
]


async def get_experiences(
    ctx: AppContext,
    task: Annotated[str, Field(description="What is to be done, in full", max_length=MAX_TASK)],
    library: Library = None,
    max_tokens: Annotated[
        int | None,
        WithJsonSchema({"type": "integer"}),
        Field(ge=0, le=MAX_SERVED_TOKENS, description="Budget for the experiences"),
    ] = None,
) -> Annotated[CallToolResult, Experiences]:
    """Get the lessons learned from earlier attempts at tasks like this one.

    Call it before you start a task, and follow what fits. Keep the retrieval_id for submit_group.
    """
    app = _app(ctx)
    shelf = await app.catalogue.shelf(_name(app, library), make=True)
    budget = app.settings.max_tokens if max_tokens is None else max_tokens
    selection = shelf.select(task, budget)
    retrieval = Retrieval(
        id=f"r-{secrets.token_hex(6)}",
        library=shelf.library.name,
        version=shelf.state.version,
        task=task,
        served=tuple(e.id for e in selection.experiences),
    )
    app.retrievals.add(retrieval)
    value = Experiences(
        library=shelf.library.name,
        version=shelf.state.version,
        experiences={e.id: e.line() for e in selection.experiences},
        omitted=selection.omitted,
        retrieval_id=retrieval.id,
        next_step=_after_retrieval(bool(selection.experiences), selection.omitted),
    )
    return result(value, experiences_text(value))


async def submit_group(
    ctx: AppContext,
    task: Annotated[str, Field(description="The task that all attempts were given")],
    trajectories: Trajectories,
    library: Library = None,
    group_id: Annotated[
        str | None,
        WithJsonSchema({"type": "string"}),
        Field(description="Adds the attempts to this group (yours or an earlier answer's)"),
    ] = None,
    ground_truth: Annotated[
        object,
        WithJsonSchema({"type": "string"}),
        Field(description="The right answer, if known; only the learner sees it"),
    ] = None,
) -> Annotated[CallToolResult, Submitted]:
    """Report attempts at one task with their rewards, after the task.

    Best are several attempts that went differently: winners are compared with losers, so a group
    teaches only when rewards differ. Report a single attempt too and add others to its group_id
    later. Stored durably when this returns.
    """
    app = _app(ctx)
    from experience_store.intake.attempts import read_submission  # noqa: PLC0415  # not before it is needed: start-up

    name = check_library_name(_name(app, library))
    submission = read_submission(
        task=task, trajectories=trajectories, group_id=group_id, ground_truth=ground_truth
    )
    receipt = await app.store.groups.submit(name, submission)
    if app.worker is not None:
        app.worker.wake()
    value = Submitted(
        library=name,
        group_id=receipt.group_id,
        signal=receipt.signal,
        trajectories=receipt.trajectories,
        next_step=_after_submission(receipt, background=app.worker is not None),
    )
    return result(value, submitted_text(value))


async def update_experiences(
    ctx: AppContext, library: Library = None
) -> Annotated[CallToolResult, UpdateOut]:
    """Learn from the submitted groups.

    Returns questions that compare winners with losers: answer each yourself and send the answers
    with submit_answers. If the server has a model of its own, learning runs in the background
    instead. Resumes what was left open.
    """
    app = _app(ctx)
    from server import updating  # noqa: PLC0415  # not before it is needed: start-up

    shelf = await app.catalogue.shelf(_name(app, library), make=True)
    value = await updating.start(app, shelf.library.name, author=_author(ctx))
    return result(value, update_text(value))


async def submit_answers(
    ctx: AppContext,
    update_id: Annotated[str, Field(description="From update_experiences")],
    answers: Answers,
) -> Annotated[CallToolResult, UpdateOut]:
    """Answer requests of update_experiences.

    Returns the next requests, or the published version with what changed. Answers that do not fit
    are refused with the reason; the others are kept.
    """
    from server import updating  # noqa: PLC0415  # not before it is needed: start-up

    app = _app(ctx)
    value = await updating.take(app, update_id, read_answers(answers), author=_author(ctx))
    if value.status == "published" and app.on_published:
        await app.on_published(value.library)
    return result(value, update_text(value))


async def list_libraries(ctx: AppContext) -> Annotated[CallToolResult, LibrariesOut]:
    """List the libraries: what each is for, what it holds, how many groups wait to be learned."""
    app = _app(ctx)
    libraries = [
        LibraryOut(
            name=lib.name,
            experiences=lib.size,
            version=lib.head,
            groups=counts.groups,
            waiting=counts.waiting,
            agent_objective=lib.agent_objective,
            learning_objective=lib.learning_objective,
        )
        for lib in await app.store.libraries.all()
        for counts in [await app.store.groups.counts(lib.name)]
    ]
    step = (
        "Give the name of the fitting one as `library` to the other tools; a new name makes a new "
        "library."
        if libraries
        else "There is none yet: the first call that names a library makes it."
    )
    value = LibrariesOut(libraries=libraries, next_step=step)
    return result(value, libraries_text(value))


def core_tools() -> list[Tool]:
    """The tools as they are registered, with hints and without schema ballast."""
    return [
        _tool(get_experiences, "Get experiences", reads=True, idempotent=True),
        _tool(submit_group, "Submit a group of attempts", reads=False, idempotent=False),
        _tool(update_experiences, "Update experiences", reads=False, idempotent=True),
        _tool(submit_answers, "Submit answers", reads=False, idempotent=True),
        _tool(list_libraries, "List libraries", reads=True, idempotent=True),
    ]


def read_answers(answers: list[object]) -> list[tuple[str, str | Mapping[str, object]]]:
    """The answers as pairs of request id and raw answer.

    Raises:
        BadInputError: If one is not of the form {"request_id": ..., "answer": ...}.
    """
    read: list[tuple[str, str | Mapping[str, object]]] = []
    for number, item in enumerate(answers):
        try:
            given = _ANSWER.validate_python(item)
        except ValidationError as error:
            raise BadInputError(
                f"answers.{number}: must be an object with request_id (text) and answer (an "
                "object as the request's answer_schema says, or its JSON as text). Nothing was "
                "stored."
            ) from error
        read.append((given.request_id.strip(), given.answer))
    if not read:
        raise BadInputError("answers: give at least one answer")
    return read


def _app(ctx: AppContext) -> App:
    return ctx.request_context.lifespan_context


def _name(app: App, library: str | None) -> str:
    return library or app.settings.library


def _author(ctx: AppContext) -> str:
    """`host`, and which one it is if it says so."""
    info = ctx.session.client_params.client_info if ctx.session.client_params else None
    return f"host {info.name[:60]}" if info else "host"


def _after_retrieval(found: bool, omitted: int) -> str:
    if found:
        return (
            "Follow what fits the task. Afterwards report each attempt and its reward with "
            "submit_group, with this retrieval_id."
        )
    why = "None fits into max_tokens." if omitted else "This library has no experiences yet."
    return f"{why} Do the task, then report each attempt and its reward with submit_group."


def _after_submission(receipt: Receipt, *, background: bool) -> str:
    parts: list[str] = []
    if receipt.known:
        parts.append(
            f"{receipt.known} of the attempts were there already and changed nothing (give an id "
            "to tell repeated equal attempts apart)."
        )
    if receipt.redacted:
        parts.append(f"{receipt.redacted} secrets were removed before storing.")
    if receipt.will_be_learned:
        parts.append(
            "It will be learned from in the background."
            if background
            else f"{receipt.waiting} group(s) wait: call update_experiences to learn from them."
        )
    elif receipt.signal:
        parts.append("All of it was learned from already.")
    else:
        spread = f" by more than {receipt.min_spread:g}" if receipt.min_spread else ""
        parts.append(
            f"Nothing to compare until rewards differ{spread}: add attempts that went "
            f"differently with group_id {receipt.group_id!r}."
        )
    return " ".join(parts)


def _tool(function: Callable[..., object], title: str, *, reads: bool, idempotent: bool) -> Tool:
    tool = Tool.from_function(
        function,
        title=title,
        description=" ".join((function.__doc__ or "").split()),
        annotations=ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=False,
            idempotent_hint=idempotent,
            open_world_hint=False,
        ),
    )
    tool.parameters = _compact(tool.parameters)
    if tool.fn_metadata.output_schema is not None:
        schema = _compact(tool.fn_metadata.output_schema)
        schema.pop("description", None)
        tool.fn_metadata.output_schema = schema
    return tool


def _compact(schema: Mapping[str, object]) -> dict[str, Any]:
    """A schema without the titles and null defaults that cost tokens and say nothing."""
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


class _GivenAnswer(BaseModel):
    request_id: str
    answer: str | dict[str, object]


_ANSWER = TypeAdapter(_GivenAnswer)
_SCHEMA = TypeAdapter(dict[str, object])
_ITEMS = TypeAdapter(list[object])
