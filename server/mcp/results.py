"""Results of the core tools, as structured content and as text.

Some hosts show the model only the structured content, others only the text, so each is complete.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, WithJsonSchema

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
    # without the type of its values, which clients would check one by one
    experiences: Annotated[dict[str, str], WithJsonSchema({"type": "object"})]
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


_OBJECTS = {"type": "array", "items": {"type": "object"}}


class UpdateOut(BaseModel):
    """Result of `update_experiences` and `submit_answers`."""

    library: str
    update_id: str | None
    status: Status
    next_step: str
    requests: Annotated[list[RequestOut], WithJsonSchema(_OBJECTS)] = []
    refused: Annotated[list[RefusedOut], WithJsonSchema(_OBJECTS)] = []
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

    libraries: Annotated[list[LibraryOut], WithJsonSchema(_OBJECTS)]
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
