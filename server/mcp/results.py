"""Results of the core tools, as structured content and as text.

Some hosts show the model only the structured content, others only the text, so each is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from mcp_types import CallToolResult, InputRequiredResult, TextContent
from pydantic import BaseModel, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from server.text import count

Status: TypeAlias = Literal[
    "awaiting_answers",
    "running",
    "published",
    "nothing_to_learn",
    "failed",
    "awaiting_review",
    "rejected",
]


class Experiences(BaseModel):
    """Result of `get_experiences`."""

    library: str
    version: int
    # without the type of all values, which clients would check one by one
    experiences: Annotated[
        dict[str, str],
        WithJsonSchema({"type": "object", "properties": {"G1": {"type": "string"}}}),
    ]
    omitted: int
    retrieval_id: str
    next_step: str


class Submitted(BaseModel):
    """Result of `submit_group`."""

    library: str
    group_id: str
    signal: bool
    trajectories: int
    next_step: str


class RequestOut(BaseModel):
    """One request to the host's model."""

    request_id: str
    prompt: str
    answer_schema: dict[str, object]


class RefusedOut(BaseModel):
    """A refused answer."""

    request_id: str
    reason: str


def objects(**properties: str) -> WithJsonSchema:
    """The schema of a list of objects that have at least these properties.

    Some APIs refuse a whole tool for an object without properties.
    """
    held = {name: {"type": kind} for name, kind in properties.items()}
    return WithJsonSchema({"type": "array", "items": {"type": "object", "properties": held}})


TEXT = WithJsonSchema({"type": "string"})


class UpdateOut(BaseModel):
    """Result of `update_experiences` and `submit_answers`."""

    library: str
    update_id: Annotated[
        str | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})
    ]
    status: Annotated[Status, TEXT]  # briefly: docs say which there are
    next_step: str
    requests: Annotated[list[RequestOut], objects(request_id="string", prompt="string")] = []
    refused: SkipJsonSchema[list[RefusedOut]] = []  # said in prose: room
    version: Annotated[int | None, WithJsonSchema({"type": "integer"})] = None
    changes: list[str] = []


class LibraryOut(BaseModel):
    """One library in `list_libraries`."""

    name: str
    experiences: int
    version: int
    groups: int
    waiting: int
    agent_objective: str | None
    learning_objective: str | None
    learning: int = 0


class LibrariesOut(BaseModel):
    """Result of `list_libraries`."""

    libraries: Annotated[list[LibraryOut], objects(name="string")]
    next_step: str
    omitted: int = 0


def result(value: BaseModel, text: str) -> CallToolResult:
    """A tool result with both forms."""
    structured = value.model_dump(mode="json", exclude_defaults=True)
    for name, field in type(value).model_fields.items():
        if field.is_required():
            structured.setdefault(name, getattr(value, name))
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=structured
    )


def with_ignored(
    answer: CallToolResult | InputRequiredResult, ignored: Sequence[str]
) -> CallToolResult | InputRequiredResult:
    """The result with a note in both forms about arguments that were ignored."""
    if not ignored or not isinstance(answer, CallToolResult):
        return answer
    note = f" Ignored unknown arguments: {', '.join(map(repr, ignored))}."
    for block in answer.content[:1]:
        if isinstance(block, TextContent):
            block.text += note
    if answer.structured_content and "next_step" in answer.structured_content:
        answer.structured_content["next_step"] += note
    return answer


def experiences_text(value: Experiences) -> str:
    """The experiences, ready to paste into a prompt."""
    if not value.experiences:
        return f"{value.next_step} (retrieval_id: {value.retrieval_id})"
    lines = [f"[{id_}] {text}" for id_, text in value.experiences.items()]
    return (
        f"Experiences from library {value.library!r}, version {value.version}:\n"
        + "\n".join(lines)
        + f"\n\nretrieval_id: {value.retrieval_id}\n{value.next_step}"
    )


def submitted_text(value: Submitted) -> str:
    """What became of a submission."""
    signal = "has signal" if value.signal else "has no signal"
    return (
        f"Group {value.group_id} of library {value.library!r} now has "
        f"{count(value.trajectories, 'attempt')} "
        f"and {signal}. {value.next_step}"
    )


def update_text(value: UpdateOut) -> str:
    """The state of an update, with all requests in full."""
    parts = [f"Update {value.update_id or '(none)'} of library {value.library!r}: {value.status}."]
    parts += [f"Answer to {r.request_id} refused: {r.reason}" for r in value.refused]
    if value.version is not None:
        parts.append(f"Version {value.version}:")
    parts += [f"- {change}" for change in value.changes]
    parts.append(value.next_step)
    parts += [
        f"===== request_id: {r.request_id} ({value.update_id}) =====\n{r.prompt}\n"
        f"===== end of {r.request_id} ({value.update_id}) ====="  # not to be forged: a random id
        for r in value.requests
    ]
    return "\n".join(parts)


def library_line(lib: LibraryOut) -> str:
    """A library in a line."""
    return (
        f"- {lib.name}: {count(lib.experiences, 'experience')}, version {lib.version}, "
        f"{count(lib.groups, 'group')}, {lib.waiting} waiting to be learned from"
        + (f", {lib.learning} being learned from" if lib.learning else "")
        + (f"; agent: {lib.agent_objective}" if lib.agent_objective else "")
        + (f"; to learn: {lib.learning_objective}" if lib.learning_objective else "")
    )


def libraries_text(value: LibrariesOut) -> str:
    """The libraries, one a line."""
    return "\n".join([*map(library_line, value.libraries), value.next_step])
