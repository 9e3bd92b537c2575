"""OpenHands' events: what agent and user did, and what was observed."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.submissions.forms.blocks import text_of
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.pieces import Called, Piece, Returned, Said, messages_of
from experience_store.submissions.forms.roles import role_of
from experience_store.submissions.forms.values import (
    Json,
    as_name,
    as_text,
    data_text,
    is_empty,
    is_object,
    words,
)
from experience_store.trajectory import Message

_OF_THE_RUN = ("tool_call_metadata", "llm_metrics", "cause", "timeout")
_SPOKEN = words("message system think finish")


def is_event(value: Mapping[str, object]) -> bool:
    """Whether it is an event of OpenHands."""
    if value.keys() & {"role", "type"}:
        return False
    return ("action" in value and is_object(value.get("args"))) or "observation" in value


def read_event(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read an event.

    Raises:
        UnreadableError: If a field is unknown that may hold content.
    """
    fields = Fields(value)
    for name in _OF_THE_RUN:
        fields.pop(name)
    source, action = fields.pop("source"), as_name(fields.take("action"))
    observed, extras = as_name(fields.take("observation")), fields.take("extras")
    arguments = fields.take("args")
    texts = [text_of(fields.take(name)) for name in ("content", "message")]
    fields.refuse_rest(("action", "args", "observation", "content"), otherwise_empty=False)
    pieces = _acted(action, arguments, texts) if action else _said(texts)
    if observed:
        shown = [*dict.fromkeys(texts), *([] if is_empty(extras) else [data_text(extras)])]
        pieces = [Returned("\n".join(text for text in shown if text), observed)]
    return messages_of("system" if action == "system" else role_of(source or "agent"), pieces)


def _acted(action: str, arguments: object, texts: list[str]) -> list[Piece]:
    """What was said, or done with a tool that the action names."""
    left: Json = dict(arguments) if is_object(arguments) else {}
    said = [*texts, as_text(left.pop("thought", None))]
    if action not in _SPOKEN:
        return [*_said(said), Called(action, as_text(left))]
    said.append(text_of(left.pop("content", None)))
    rest = Fields(left).rest()
    return _said([*said, data_text(rest) if rest else ""])


def _said(texts: list[str]) -> list[Piece]:
    return [Said(text) for text in dict.fromkeys(texts) if text]
