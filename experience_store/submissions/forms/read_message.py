"""Reads a message of any form, which its own fields tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from experience_store.submissions.forms.chat import read_chat
from experience_store.submissions.forms.fields import MAX_SHOWN
from experience_store.submissions.forms.langchain import is_langchain, read_langchain
from experience_store.submissions.forms.plain import read_plain
from experience_store.submissions.forms.pydantic_ai import is_pydantic_ai, read_pydantic_ai
from experience_store.submissions.forms.responses import is_item, read_item
from experience_store.submissions.forms.roles import ROLES
from experience_store.submissions.forms.sharegpt import is_sharegpt, read_sharegpt
from experience_store.submissions.forms.values import (
    UnreadableError,
    from_json_text,
    is_list,
    is_object,
)
from experience_store.trajectory import Message

Fields: TypeAlias = Mapping[str, object]

_FORMS: Sequence[tuple[Callable[[Fields], bool], Callable[[Fields], tuple[Message, ...]]]] = (
    (is_item, read_item),
    (lambda value: "role" in value, read_chat),
    (is_langchain, read_langchain),
    (is_pydantic_ai, read_pydantic_ai),
    (is_sharegpt, read_sharegpt),
)
_PAIR = 2


def read_message(value: object) -> tuple[Message, ...]:
    """Read a message, which may become several: each result is one of its own.

    Raises:
        UnreadableError: If it cannot be read, or not without loss.
    """
    if is_object(value) and (plain := read_plain(value)):
        return (plain,)
    found = _role_and_text(from_json_text(value))
    if not is_object(found):
        raise UnreadableError("must be an object with role and content")
    for fits, read in _FORMS:
        if fits(found):
            try:
                return read(found)
            except RecursionError as error:
                raise UnreadableError("is nested too deeply") from error
    names = ", ".join(str(name)[:MAX_SHOWN] for name in list(found)[:8]) or "none"
    raise UnreadableError(
        f"is missing, and this is no message of a known form; its fields are {names}. Give each "
        f"message a role ({', '.join(ROLES)}) and content",
        "role",
    )


def _role_and_text(value: object) -> object:
    """A pair of role and text, as LangChain takes them, as an object."""
    if is_list(value) and len(value) == _PAIR and all(isinstance(part, str) for part in value):
        return {"role": value[0], "content": value[1]}
    return value
