"""OpenAI chat messages exactly as documented: by far the most, so read without detours.

The general reader gives the same for them, at ten times the cost.
"""

from __future__ import annotations

from typing import TypeGuard

from experience_store.submissions.clean_text import clean, cleaned
from experience_store.submissions.forms.roles import ROLES
from experience_store.submissions.forms.values import Json, is_object
from experience_store.trajectory import Message, ToolCall

_FIELDS = frozenset({"role", "content", "name", "tool_call_id", "tool_calls"})
_CALL = frozenset({"id", "type", "function"})
_FUNCTION = frozenset({"name", "arguments"})


def read_plain(value: Json) -> Message | None:
    """The message; None if it needs the general reader."""
    role, text, calls = value.get("role"), value.get("content"), value.get("tool_calls")
    if not (value.keys() <= _FIELDS and isinstance(role, str) and role in ROLES):
        return None
    if not (isinstance(text, str) or (text is None and calls)):
        return None
    name, id_ = value.get("name"), value.get("tool_call_id")
    if not (_is_name(name) and _is_name(id_)):
        return None
    read = _calls(calls)
    if read is None:
        return None
    return Message(role, clean(text or ""), read, cleaned(name), cleaned(id_))


def _is_name(value: object) -> TypeGuard[str | None]:
    return value is None or (isinstance(value, str) and value != "" and value == value.strip())


def _calls(value: object) -> tuple[ToolCall, ...] | None:
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    calls: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # JSON
    read = [_call(call) for call in calls]
    made = tuple(call for call in read if call is not None)
    return made if len(made) == len(read) == len({call.id for call in made}) else None


def _call(value: object) -> ToolCall | None:
    if not (is_object(value) and value.keys() == _CALL and value["type"] == "function"):
        return None
    function, id_ = value["function"], value["id"]
    if not (is_object(function) and function.keys() == _FUNCTION and _is_name(id_)):
        return None
    name, arguments = function["name"], function["arguments"]
    if not (_is_name(name) and name and isinstance(arguments, str) and arguments):
        return None
    return ToolCall(clean(name), clean(arguments), cleaned(id_))
