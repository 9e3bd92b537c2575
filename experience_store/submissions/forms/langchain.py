"""LangChain's messages: `type` for the role, plain, as `data`, or serialised with a constructor."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.submissions.forms.chat import read_chat
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.values import Json, as_list, as_name, is_list, is_object
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
        body = _only(value, kwargs, "kwargs", "lc", "graph")
    elif is_object(data):
        body = _only(value, data, "data")
    else:
        body = dict(value)
    body.pop("type", None)
    role = _type(kind)
    if role == "chat":
        role = str(body.pop("role", ""))
    return read_chat({**_with_extra(body), "role": role})


def _only(value: Mapping[str, object], inner: Json, *taken: str) -> Json:
    """The message inside, if nothing of it is left beside it."""
    outer = Fields(value)
    for name in taken:
        outer.pop(name)
    as_name(outer.take("name"))
    outer.refuse_rest((), otherwise_empty=False)
    return dict(inner)


def _type(kind: object) -> str:
    """The type of a message, also of a class: `AIMessageChunk` is `ai`."""
    return str(kind).removesuffix("Chunk").removesuffix("Message").lower()


def _with_extra(body: Json) -> Json:
    """The fields with those of `additional_kwargs`, which often say the same in the API's form."""
    extra = body.get("additional_kwargs")
    if not is_object(extra):
        return body
    left: Json = {}
    for name, value in extra.items():
        if name in {"tool_calls", "function_call"}:
            body[name] = [*as_list(body.get(name)), *as_list(value)]
        elif name in _SPOKEN and not body.get(name):
            body[name] = value
        elif value != body.get(name):
            left[name] = value
    return {**body, "additional_kwargs": left}


_SPOKEN = ("reasoning_content", "reasoning", "thinking", "refusal", "audio", "name")
