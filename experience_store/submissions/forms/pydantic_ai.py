"""Pydantic AI's messages: requests and responses, whose parts have different speakers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from experience_store.submissions.forms.blocks import pieces_of
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.pieces import messages_of
from experience_store.submissions.forms.values import as_list, as_text, is_object
from experience_store.trajectory import Message

_SPEAKERS = {"system-prompt": "system", "user-prompt": "user", "retry-prompt": "user"}


def is_pydantic_ai(value: Mapping[str, object]) -> bool:
    """Whether it is one of Pydantic AI's messages."""
    return value.get("kind") in {"request", "response"} and "parts" in value


def read_pydantic_ai(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read a request or a response.

    Raises:
        UnreadableError: If a field is unknown that may hold content.
    """
    fields = Fields(value)
    parts = as_list(fields.pop("parts"))
    instructions = as_text(fields.pop("instructions"))
    fields.refuse_rest(("parts", "instructions"), otherwise_empty=not parts)
    made = [Message("system", instructions)] if instructions else []
    for role, spoken in groupby(parts, _speaker):
        made += messages_of(role, [piece for part in spoken for piece in pieces_of([part])])
    return tuple(made) or (Message("assistant", ""),)


def _speaker(part: object) -> str:
    kind = part.get("part_kind") if is_object(part) else None
    return _SPEAKERS.get(str(kind), "assistant")
