"""Prompts: text, or chat messages as text.

The last thing that the user says is the task; what the system says stands before it. Where there
are turns before that, such as examples, all turns are named: `User: …`, `Assistant: …`. What the
assistant says last after that is not part of the prompt: it is the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from experience_store.errors import BadInputError
from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.roles import is_role, plain_role, role_of
from experience_store.submissions.forms.values import UnreadableError
from server.importing.chat import are_messages, as_text, messages_in
from server.importing.fields import Json, as_list, as_object, listed

_SYSTEM = {"system", "developer"}
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
    found = [value] if isinstance(value, dict) else value
    if are_messages(found):
        return _of_chat(field, messages_in(found))
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(f"{field}: must be text or chat messages, and not empty")
    return Prompt(value)


def _of_chat(field: str, messages: list[object]) -> Prompt:
    turns = [turn for n, m in enumerate(messages) for turn in _turns(f"{field}.{n}", m)]
    last = max((n for n, (role, _) in enumerate(turns) if role == "user"), default=None)
    if last is None:
        raise BadInputError(f"{field}: has no message of the user")
    system = [text for role, text in turns[: last + 1] if role in _SYSTEM]
    others = [(role, text) for role, text in turns[: last + 1] if role not in _SYSTEM]
    said = [text for _, text in others] if len(others) == 1 else [_turn(*turn) for turn in others]
    prompt = "\n\n".join(text for text in (*system, *said) if text)
    if not others[-1][1]:
        raise BadInputError(f"{field}: what the user says last is empty")
    answers = [text for role, text in turns[last + 1 :] if role == "assistant" and text]
    return Prompt(prompt, answers[-1] if answers else None)


def _turn(role: str, text: str) -> str:
    return f"{role.capitalize()}: {text}"


def _turns(place: str, value: object) -> Iterator[tuple[str, str]]:
    """What a message says, and in which role; calls of tools are JSON."""
    message = as_object(value) or {}
    written = message.get("role")
    if isinstance(written, str) and "content" in message:
        role = plain_role(written)
        yield role_of(role) if is_role(role) else role, _text(place, message)
        return
    try:
        read = read_message(value)
    except UnreadableError as error:
        within = ".".join(str(part) for part in (place, *error.place))
        raise BadInputError(f"{within}: {error}") from error
    if not any(part.text or part.tool_calls for part in read) and "content" not in message:
        raise BadInputError(f"{place}: has no content; its fields are {listed(list(message))}")
    for part in read:
        calls = [f"{call.name}({call.arguments})" for call in part.tool_calls]
        yield part.role, "\n".join([part.text, *calls]).strip()


def _text(place: str, message: Json) -> str:
    """A message's text, and its calls of tools as JSON."""
    content = message["content"]
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
