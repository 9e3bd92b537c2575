"""Parses chat messages: OpenAI's, or with content blocks as in Anthropic's API."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from experience_store.submissions.clean_text import clean, cleaned
from experience_store.trajectory import Message, ToolCall


class _Part(BaseModel):
    """A content block: OpenAI's parts and Anthropic's blocks have these fields in common."""

    type: str = "text"
    text: str | None = Field(
        default=None, validation_alias=AliasChoices("text", "thinking", "reasoning", "refusal")
    )
    id: str | None = None
    name: str | None = None
    input: object = None
    content: object = None


class _Function(BaseModel):
    name: str = "?"
    arguments: object = ""


class _Call(BaseModel):
    id: str | None = None
    name: str | None = None
    arguments: object = ""
    function: _Function | None = None

    def call(self) -> ToolCall:
        """The call, with name and arguments inside `function` or beside it."""
        inner = self.function or _Function(name=self.name or "?", arguments=self.arguments)
        return ToolCall(inner.name, _arguments(inner.arguments), self.id)


_PLAIN = {"role", "content"}


class MessageInput(BaseModel):
    """One chat message."""

    role: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    content: str | list[str | _Part] | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    name: str | None = None
    tool_call_id: str | None = None

    def message(self) -> Message:
        """The message as stored."""
        if isinstance(self.content, str) and self.model_fields_set <= _PLAIN:
            return Message(clean(self.role), clean(self.content))  # the common case
        parts = [self.content] if isinstance(self.content, str) else self.content or []
        texts = [self.reasoning_content, *(_part_text(p) for p in parts), self.refusal]
        calls = [c.call() for c in self.tool_calls or []]
        if self.function_call:
            inner = self.function_call
            calls.append(ToolCall(inner.name, _arguments(inner.arguments)))
        calls += [
            ToolCall(p.name or "?", _arguments(p.input), p.id)
            for p in parts
            if isinstance(p, _Part) and p.type == "tool_use"
        ]
        return Message(
            role=clean(self.role),
            text=clean("\n".join(t for t in texts if t)),
            tool_calls=tuple(
                ToolCall(clean(c.name), clean(c.arguments), cleaned(c.id)) for c in calls
            ),
            name=cleaned(self.name),
            tool_call_id=cleaned(self.tool_call_id),
        )


def _part_text(part: str | _Part) -> str:
    if isinstance(part, str):
        return part
    if part.type == "tool_use":
        return ""
    if part.type == "tool_result":
        return _plain(part.content)
    return part.text if part.text is not None else f"[{part.type}]"


def _plain(content: object) -> str:
    """The text of a tool result: a string, content blocks, or nothing."""
    if content is None:
        return ""
    try:
        parts = _PARTS.validate_python(content)
    except ValidationError:
        return json.dumps(content, ensure_ascii=False, default=str)
    return parts if isinstance(parts, str) else "\n".join(_part_text(p) for p in parts)


_PARTS: TypeAdapter[str | list[str | _Part]] = TypeAdapter(str | list[str | _Part])


def _arguments(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
