"""Chat messages as other programs write them: finding the task in them, and building some."""

from __future__ import annotations

import json
from collections.abc import Mapping

from server.importing.fields import Json, as_list, as_object, objects


def first_user_text(messages: object) -> str | None:
    """The text of the first user message that has one."""
    for message in objects(_decoded(messages)):
        if message.get("role") in {"user", "human"}:
            text = content_text(message.get("content", message.get("parts")))
            if text:
                return text
    return None


def content_text(content: object) -> str:
    """The text of a message's content: text itself, or its parts."""
    if isinstance(content, str):
        return content.strip()
    if (part := as_object(content)) is not None:
        return content_text(part.get("text"))
    return "\n".join(t for t in map(content_text, as_list(content) or ()) if t)


def are_messages(value: object) -> bool:
    """Whether this is a list of chat messages, perhaps as JSON text."""
    items = as_list(_decoded(value))
    return bool(items) and all(
        (message := as_object(item)) is not None and ("role" in message or "type" in message)
        for item in items
    )


def messages_in(value: object) -> list[object]:
    """The messages of a list, perhaps as JSON text; none if it is not one."""
    return as_list(_decoded(value)) or []


def task_text(value: object) -> object:
    """A task as text: what the user says first in chat messages; anything else as it is."""
    return (first_user_text(value) if are_messages(value) else None) or value


def call(name: object, arguments: object, id_: object = None) -> dict[str, object]:
    """A tool call of an assistant message."""
    function: dict[str, object] = {"name": str(name), "arguments": arguments or {}}
    return {**({} if id_ is None else {"id": str(id_)}), "type": "function", "function": function}


def as_text(value: object) -> str:
    """Text as it is, null as nothing, other values as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def with_error(message: Json, error: object) -> dict[str, object]:
    """A tool's message with its error in the content, unless it is there already."""
    text, said = as_text(message.get("content")), _error_text(error)
    return {**message, "content": text if said in text else f"{text}\n[error: {said}]".lstrip()}


def _error_text(error: object) -> str:
    of = as_object(error) or {"message": error}
    return ": ".join(as_text(of[key]) for key in ("type", "message") if of.get(key))


def _decoded(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def nested(value: Mapping[str, object], *path: str) -> object:
    """What is at the end of a path of names; None if it ends before."""
    found: object = value
    for name in path:
        found = (as_object(found) or {}).get(name)
    return found
