"""Objects around messages: answers of an API, exports of chats, lines of a log of events.

What is said beside the messages is kept as lines: after the only message, or before several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experience_store.submissions.forms.fields import Fields, lines, merged
from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    as_list,
    as_text,
    at,
    from_json_text,
    is_list,
    is_object,
    words,
)
from experience_store.trajectory import Message

_LISTS = (
    *("messages", "chat_messages", "conversations", "conversation", "contents", "history"),
    *("turns", "dialogue", "dialog", "events", "replies"),
)
_SINGLE = {
    **dict.fromkeys(("message", "raw_item", "payload"), words("role type")),
    "output": words("message"),
}  # with a field that the inner object has
_OPTIONS = {"choices": ("message", "delta", "text"), "candidates": ("content",)}
_OF_A_NODE = ("children", "id", "message", "parent")
_OF_THE_LOG = words("cwd gitBranch isMeta isSidechain userType")  # each line of Claude Code's


def field_with_messages(value: Json) -> str | None:
    """The field of an object that holds its messages; None if there is none."""
    if "role" in value:
        return None
    if is_object(value.get("mapping")):
        return "mapping"
    if value.get("object") == "response" and is_list(value.get("output")):
        return "output"
    several = (name for name in (*_OPTIONS, *_LISTS) if _are_several(value.get(name)))
    single = (name for name in _SINGLE if _has_any(value.get(name), _SINGLE[name]))
    return next(several, None) or next(single, None)


def _are_several(value: object) -> bool:
    found = from_json_text(value)
    return is_list(found) and not any(isinstance(item, str) for item in found)


def _has_any(value: object, names: frozenset[str]) -> bool:
    return is_object(value) and bool(names & value.keys())


def read_wrapped(
    value: Json, field: str, read: Callable[[object], tuple[Message, ...]]
) -> tuple[Message, ...]:
    """Read the messages in a field, and what is beside it.

    Args:
        value: The object.
        field: Name of the field.
        read: Reads a message.

    Raises:
        UnreadableError: If a message cannot be read, or if these are several attempts in one.
    """
    beside = Fields({n: v for n, v in value.items() if n != field and not _is_of_log(n, v)}).rest()
    if field in _OPTIONS or (field in _SINGLE and is_object(value[field])):
        inner = _only_option(field, as_list(value[field])) if field in _OPTIONS else value[field]
        with at(field):
            return read(merged(inner, beside))
    items = _branch(value[field]) if field == "mapping" else as_list(value[field])
    made = [Message("system", lines(beside))] if beside else []
    for place, item in enumerate(items):
        with at(field, place):
            made += read(item)
    return tuple(made)


def _is_of_log(name: str, value: object) -> bool:
    return name in _OF_THE_LOG and isinstance(value, str | bool)


def is_answer(value: Json) -> bool:
    """Whether an object is what an API answered, whole."""
    field = field_with_messages(value)
    if field not in _OPTIONS:
        return field == "output"
    message = _OPTIONS[field][0]
    return any(is_object(o) and is_object(o.get(message)) for o in as_list(value[field]))


def _only_option(field: str, options: Sequence[object]) -> Json:
    """The message of the only answer, with what is beside it."""
    if len(options) != 1:
        raise UnreadableError(
            f"has {len(options)} answers, and an attempt one: give each as an attempt of its own",
            field,
        )
    option = options[0] if is_object(options[0]) else Json()
    name = next((name for name in _OPTIONS[field] if name in option), None)
    if name is None:
        raise UnreadableError(f"holds no {_OPTIONS[field][0]}", field, 0)
    inner = option[name]
    message = {"role": "assistant", **(inner if is_object(inner) else {"content": inner})}
    return merged(message, Fields({n: v for n, v in option.items() if n != name}).rest())


def _branch(mapping: object) -> list[object]:
    """The messages of ChatGPT's export, a tree, from its root on."""
    mapping = mapping if is_object(mapping) else {}
    nodes = {name: node for name, node in mapping.items() if is_object(node)}
    following = [name for name, node in nodes.items() if as_text(node.get("parent")) not in nodes]
    path: list[Json] = []
    while len(following) == 1 and following[0] in nodes and len(path) < len(nodes):
        path.append(nodes[following[0]])
        following = [as_text(name) for name in as_list(path[-1].get("children"))]
    if following or len(path) < len(mapping):
        raise UnreadableError(
            "has several branches, since answers were generated again: give each branch as an "
            "attempt of its own, with its messages as a list",
            "mapping",
        )
    return [_node(node) for node in path]


def _node(node: Json) -> object:
    """A message of the tree, with what is beside it."""
    message = node.get("message")
    beside = Fields({n: v for n, v in node.items() if n not in _OF_A_NODE}).rest()
    if is_object(message):
        return merged(message, beside)
    return {"role": "system", "content": lines(beside)} if beside else message
