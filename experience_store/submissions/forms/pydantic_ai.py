"""Pydantic AI's messages: requests and responses, whose parts have different speakers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from experience_store.submissions.forms.blocks import pieces_of, result_of
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.pieces import Piece, messages_of, with_text
from experience_store.submissions.forms.values import as_list, as_text, is_object
from experience_store.trajectory import Message

_SPEAKERS = {
    **dict.fromkeys(("system-prompt", "instruction"), "system"),
    **dict.fromkeys(("user-prompt", "retry-prompt", "retry-feedback"), "user"),
}


def is_pydantic_ai(value: Mapping[str, object]) -> bool:
    """Whether it is one of Pydantic AI's messages."""
    return as_text(value.get("kind")) in {"request", "response"} and "parts" in value


def read_pydantic_ai(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read a request or a response.

    Raises:
        UnreadableError: If a field is unknown that may hold content.
    """
    fields = Fields(value)
    parts = as_list(fields.pop("parts"))
    instructions = as_text(fields.pop("instructions"))
    rest = fields.checked_rest_text(("parts", "instructions"), otherwise_empty=not parts)
    made = [Message("system", instructions)] if instructions else []
    for role, spoken in groupby(parts, _speaker):
        made += messages_of(role, [p for part in spoken for p in _pieces(part)])
    return with_text(made or [Message("assistant", "")], rest)


def _pieces(part: object) -> list[Piece]:
    """What a part holds; a retry that answers a call is its result."""
    if is_object(part) and part.get("part_kind") == "retry-prompt" and part.get("tool_name"):
        return result_of("", part)
    return pieces_of([part])


def _speaker(part: object) -> str:
    kind = part.get("part_kind") if is_object(part) else None
    return _SPEAKERS.get(str(kind), "assistant")
