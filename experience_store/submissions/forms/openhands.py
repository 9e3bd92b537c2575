"""OpenHands' events before its SDK: what agent and user did, and what was observed."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.submissions.forms.blocks import text_of
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.pieces import (
    Called,
    Piece,
    Returned,
    Said,
    messages_of,
    with_text,
)
from experience_store.submissions.forms.roles import role_of
from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    as_name,
    as_text,
    data_text,
    is_object,
    words,
)
from experience_store.trajectory import Message

_OF_THE_RUN = ("cause", "timeout")  # numbers
_OF_THE_CALL = words("function_name model_response total_calls_in_response")  # said again
_SPOKEN = words("message system think finish")


def is_event(value: Mapping[str, object]) -> bool:
    """Whether it is an event of OpenHands."""
    if value.keys() & {"role", "type"}:
        return False
    acts = isinstance(value.get("action"), str) and bool(value.keys() & {"args", "source"})
    return acts or "observation" in value


def read_event(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read an event.

    Raises:
        UnreadableError: If a field is unknown that may hold content.
    """
    if {"action", "observation"} <= value.keys():
        raise UnreadableError(
            "stands beside what came of it: give an assistant's message with the call in "
            "tool_calls, and one of role tool with the observation",
            "action",
        )
    fields = Fields(_without_repetition(value))
    source, observed = fields.pop("source"), fields.name("observation")
    call = value.get("tool_call_metadata")
    id_ = as_name(call.get("tool_call_id")) if is_object(call) else None
    action = None if observed else fields.name("action")
    arguments = fields.take("args") if action else None
    extras = fields.take("extras") if observed else None
    texts = [text_of(fields.take(name)) for name in ("content", "message")]
    rest = fields.checked_rest_text(
        ("action", "args", "observation", "content"), otherwise_empty=False
    )
    pieces = _acted(action, arguments, texts, id_) if action else _said(texts)
    if observed:
        shown = [*dict.fromkeys(texts), data_text(extras)]
        pieces = [Returned("\n".join(text for text in shown if text), observed, id_)]
    role = "system" if action == "system" else role_of(source or "agent")
    return with_text(messages_of(role, pieces), rest)


def _without_repetition(value: Mapping[str, object]) -> Json:
    """An event without the course of the run, and what the model's answer says again."""
    left = {n: v for n, v in value.items() if not (n in _OF_THE_RUN and isinstance(v, int))}
    if is_object(call := left.get("tool_call_metadata")):
        left["tool_call_metadata"] = {n: v for n, v in call.items() if n not in _OF_THE_CALL}
    return left


def _acted(action: str, arguments: object, texts: list[str], id_: str | None) -> list[Piece]:
    """What was said, or done with a tool that the action names."""
    left = dict(arguments) if is_object(arguments) else Fields({"args": arguments}).rest()
    said = [*texts, as_text(left.pop("thought", None))]
    if action not in _SPOKEN:
        return [*_said(said), Called(action, as_text(left), id_)]
    said.append(text_of(left.pop("content", None)))
    return _said([*said, Fields(left).rest_text()])


def _said(texts: list[str]) -> list[Piece]:
    return [Said(text) for text in dict.fromkeys(texts) if text]
