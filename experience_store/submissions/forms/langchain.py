"""LangChain's messages: `type` for the role, plain, as `data`, or serialised with a constructor."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.submissions.forms.chat import read_chat
from experience_store.submissions.forms.fields import Fields, merged
from experience_store.submissions.forms.values import Json, is_list, is_object
from experience_store.trajectory import Message

_TYPES = frozenset({"human", "ai", "system", "tool", "function", "chat", "developer", "user"})


def is_langchain(value: Mapping[str, object]) -> bool:
    """Whether it is a message in one of LangChain's forms."""
    if is_object(value.get("kwargs")) and is_list(value.get("id")):
        return True
    return _type(value.get("type")) in _TYPES and (
        "content" in value or is_object(value.get("data"))
    )


def read_langchain(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read a LangChain message.

    Raises:
        UnreadableError: As for chat messages.
    """
    kwargs, data, path = value.get("kwargs"), value.get("data"), value.get("id")
    kind: object = value.get("type")
    if is_object(kwargs) and is_list(path):
        kind = path[-1] if path else ""
        named = ["name"] if value.get("name") == kind else []  # of the class
        body = _only(value, kwargs, "kwargs", "lc", "graph", *named)
    elif is_object(data):
        body = _only(value, data, "data")
    else:
        body = dict(value)
    if _type(body.get("type")) in _TYPES:
        del body["type"]
    role = _type(kind)
    if role == "chat":
        role = str(body.pop("role", ""))
    return read_chat(merged({"role": role}, body))


def _only(value: Mapping[str, object], inner: Json, *taken: str) -> Json:
    """The message inside, with what else is said beside it."""
    outer = Fields(value)
    for name in taken:
        if value.get(name) is inner or isinstance(value.get(name), str | int):
            outer.pop(name)
    return merged(inner, outer.rest())


def _type(kind: object) -> str:
    """The type of a message, also of a class: `AIMessageChunk` is `ai`."""
    return str(kind).removesuffix("Chunk").removesuffix("Message").lower()
