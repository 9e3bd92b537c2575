"""The messages of an attempt, and what a task given as messages says."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category

from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.values import (
    UnreadableError,
    as_list,
    as_text,
    from_list_text,
    is_list,
    is_object,
    unnested,
)
from experience_store.trajectory import Message

_WHO_ASKS = frozenset({"system", "developer", "user"})
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn"})  # categories of Unicode


def read_messages(value: object) -> list[object]:
    """The messages that are given: a list, the only one, or either as JSON text.

    Raises:
        UnreadableError: If it is none of these.
    """
    found = unnested(from_list_text(value))
    if not (is_list(found) or is_object(found)):
        raise UnreadableError(
            "must be a list of chat messages; give plain text as output, without messages"
        )
    return as_list(found)


def first_user_text(messages: object) -> str | None:
    """The text of the first user message in any form; None if there is none."""
    for message in as_list(messages):
        try:
            read = read_message(message)
        except UnreadableError:
            continue
        for text in _texts(read, "user"):
            return text
    return None


def task_text(value: object) -> object:
    """A task as text, also if it is given as chat messages, a number or other data.

    Of several messages all are kept, each with its role.
    """
    if value is None:
        raise ValueError("is missing; give what the attempts were asked to do, as text")
    if isinstance(value, str):
        return value
    try:
        read = [message for item in as_list(value) for message in read_message(item)]
    except UnreadableError:
        return as_text(value)
    if any(message.tool_calls for message in read):
        return as_text(value)
    if len(read) == 1:
        return read[0].text
    return "\n\n".join(f"{message.role}: {message.text}" for message in read if message.text)


def is_blank(messages: Iterable[Message]) -> bool:
    """Whether the agent did nothing: only who asks has said something that can be seen."""
    return not any(m.tool_calls or is_visible(m.text) for m in messages if m.role not in _WHO_ASKS)


def is_visible(text: str) -> bool:
    """Whether there is more in a text than spaces, marks and characters of no width."""
    return any(category(character) not in _INVISIBLE for character in text)


def _texts(messages: Iterable[Message], role: str) -> Iterable[str]:
    return (m.text for m in messages if m.role == role and m.text.strip())
