"""Chat messages as other programs write them: finding the task in them, and building some."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.values import UnreadableError, as_text, from_json_text
from experience_store.submissions.messages import first_user_text, is_blank, read_messages
from experience_store.trajectory import Message
from server.importing.fields import Json, as_list, as_object, objects

_MARKS = {"role", "type", "from", "action", "observation"}  # fields of messages and events


def are_messages(value: object) -> bool:
    """Whether this is a list of chat messages, perhaps as JSON text."""
    items = as_list(from_json_text(value))
    return bool(items) and all(
        (message := as_object(item)) is not None and bool(_MARKS & message.keys()) for item in items
    )


def messages_in(value: object) -> list[object]:
    """The messages of a list, perhaps as JSON text; none if it is not one."""
    return as_list(from_json_text(value)) or []


def is_unanswered(value: object) -> bool:
    """Whether these are chat messages in which the agent did nothing yet."""
    messages = _read(value)
    return messages is not None and is_blank(messages)


def asks_last(value: object, answer: object) -> bool:
    """Whether chat messages end with a question, which a text answers that is not among them."""
    messages = _read(value) or []
    said = {m.text.strip() for m in messages if m.role == "assistant"}
    return bool(messages) and messages[-1].role == "user" and as_text(answer).strip() not in said


def _read(value: object) -> list[Message] | None:
    """The messages; None if any cannot be read."""
    try:
        return [read for item in read_messages(value) for read in read_message(item)]
    except UnreadableError:
        return None


def conversation(asked: object, answer: object) -> list[object]:
    """Chat messages with what answers them: messages, or the text of one."""
    if are_messages(answer) or are_messages([answer]):
        return [*read_messages(asked), *read_messages(answer)]
    return [*read_messages(asked), {"role": "assistant", "content": as_text(answer)}]


def from_response(value: object) -> object:
    """The message in a response of a chat API with one choice; anything else as it is."""
    choices = objects((as_object(value) or {}).get("choices"))
    return choices[0]["message"] if len(choices) == 1 and "message" in choices[0] else value


def task_text(value: object) -> object:
    """A task as text: what the user says first in chat messages; anything else as it is."""
    return (first_user_text(value) if are_messages(value) else None) or value


def call(name: object, arguments: object, id_: object = None) -> dict[str, object]:
    """A tool call of an assistant message."""
    function: dict[str, object] = {"name": str(name), "arguments": arguments or {}}
    return {**({} if id_ is None else {"id": str(id_)}), "type": "function", "function": function}


def with_error(message: Json, error: object) -> dict[str, object]:
    """A tool's message with its error in the content, unless it is there already."""
    text, said = as_text(message.get("content")), _error_text(error)
    content = text if said in text else f"{text}\n[error: {said}]".lstrip()
    return {**{k: v for k, v in message.items() if k != "error"}, "content": content}


def _error_text(error: object) -> str:
    of = as_object(error) or {"message": error}
    named = ("type", "message")
    rest = {key: value for key, value in of.items() if key not in named and value is not None}
    said = [as_text(of[key]) for key in named if of.get(key)]
    return ": ".join([*said, *([as_text(rest)] if rest else [])])


def nested(value: Mapping[str, object], *path: str) -> object:
    """What is at the end of a path of names; None if it ends before."""
    found: object = value
    for name in path:
        found = (as_object(found) or {}).get(name)
    return found
