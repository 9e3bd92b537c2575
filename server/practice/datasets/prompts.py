"""Prompts: text, or chat messages as text.

The last thing that the user says is the task; what the system says stands before it. Where there
are turns before that, such as examples, all turns are named: `User: …`, `Assistant: …`. What the
assistant says afterwards is not part of the prompt: it is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from experience_store.errors import BadInputError
from server.importing.chat import as_text, messages_in
from server.importing.fields import Json, as_list, as_object, listed

_SYSTEM = {"system", "developer"}
_USER = {"user", "human"}
_TEXT_PARTS = {"text", "input_text", None}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, and the assistant's answer to it where the dataset has one."""

    text: str
    answer: str | None = None


def read_prompt(field: str, value: JsonValue) -> Prompt:
    """The prompt in a field.

    Raises:
        BadInputError: If it is neither text nor chat messages, or empty.
    """
    messages = [as_object(m) for m in messages_in(value)]
    chat = [m for m in messages if m is not None and "role" in m]
    if chat and len(chat) == len(messages):
        return _of_chat(field, chat)
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(f"{field}: must be text or chat messages, and not empty")
    return Prompt(value)


def _of_chat(field: str, messages: Sequence[Json]) -> Prompt:
    turns = [(str(m["role"]).lower(), _text(f"{field}.{n}", m)) for n, m in enumerate(messages)]
    last = max((n for n, (role, _) in enumerate(turns) if role in _USER), default=None)
    if last is None:
        raise BadInputError(f"{field}: has no message of the user")
    system = [text for role, text in turns[: last + 1] if role in _SYSTEM]
    others = [(role, text) for role, text in turns[: last + 1] if role not in _SYSTEM]
    said = [text for _, text in others] if len(others) == 1 else [_turn(*turn) for turn in others]
    prompt = "\n\n".join(text for text in (*system, *said) if text)
    if not others[-1][1]:
        raise BadInputError(f"{field}: what the user says last is empty")
    answer = "\n\n".join(text for _, text in turns[last + 1 :] if text)
    return Prompt(prompt, answer or None)


def _turn(role: str, text: str) -> str:
    name = "User" if role in _USER else role.capitalize()
    return f"{name}: {text}"


def _text(place: str, message: Json) -> str:
    """A message's text, and its calls of tools as JSON."""
    if "content" not in message and "tool_calls" not in message:
        raise BadInputError(f"{place}: has no content; its fields are {listed(list(message))}")
    content = message.get("content")
    parts = as_list(content)
    texts = [as_text(content)] if parts is None else [_part(place, part) for part in parts]
    calls = message.get("tool_calls")
    return "\n".join([*texts, *([as_text(calls)] if calls else [])]).strip()


def _part(place: str, part: object) -> str:
    fields = as_object(part)
    if fields is None:
        return as_text(part)
    if fields.get("type") not in _TEXT_PARTS or not isinstance(fields.get("text"), str):
        raise BadInputError(
            f"{place}: has a part of type {fields.get('type')!r}; only text is read"
        )
    return str(fields["text"])
