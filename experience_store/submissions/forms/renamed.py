"""Chat messages under other names: each form is given the names of chat messages, and read as one.

Whatever a form does not rename is left as it is, and judged as any field of a chat message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experience_store.submissions.forms.fields import merged, remaining, snake_case
from experience_store.submissions.forms.roles import is_role, role_of
from experience_store.submissions.forms.values import (
    Json,
    as_list,
    as_text,
    data_text,
    from_json_text,
    is_list,
    is_object,
    words,
)

_PLAIN = words(
    "action args author candidates chat_messages choices content data from kind kwargs mapping "
    "message message_type messages meta name observation output parts role sender source speaker "
    "text type value"
)
_AUTOGEN = ("Message", "Event")
_AUTOGEN_CALLS = words("AssistantMessage ToolCallRequestEvent")
_AUTOGEN_RESULTS = words("FunctionExecutionResultMessage ToolCallExecutionEvent")
_AUTOGEN_ROLES = {"SystemMessage": "system", "UserMessage": "user"}
_SOURCES = ("agent", "user", "environment", "hook")
_OPENHANDS = ("llm_message", "action", "observation")
_ASKERS = words("human user user_proxy userproxy")
_LETTA = {
    **dict.fromkeys(("reasoning", "hidden_reasoning", "tool_call"), "assistant"),
    **dict.fromkeys(("approval_request", "approval_response"), "assistant"),
    "tool_return": "tool",
}


def plain_names(value: Json) -> Json:
    """An object with the names that tell forms apart as these forms write them.

    `Role` and `_role` are `role`, unless that is there, too.
    """
    return {_plain(str(name), value): inner for name, inner in value.items()}


def _plain(name: str, others: Json) -> str:
    plain = snake_case(name).strip("_")
    return plain if plain in _PLAIN and plain not in others else name


def _is_autogen(value: Json) -> bool:
    if not {"source", "content"} <= value.keys() or "observation" in value:
        return False
    return as_text(value.get("type", _AUTOGEN[0])).endswith(_AUTOGEN)


def _autogen(value: Json) -> Json:
    """AutoGen: the agent's name for the role, calls and results as content."""
    kind, source, content = as_text(value.get("type")), value["source"], value["content"]
    name = as_text(source).strip()
    asks = name.lower() in _ASKERS and "ToolCall" not in kind
    role = _AUTOGEN_ROLES.get(kind, "user" if asks else "assistant")
    named = {} if name.lower() in words("assistant user") else {"name": source}
    if kind in _AUTOGEN_RESULTS:
        role, content = "tool", [_typed(item, "function_result") for item in as_list(content)]
    is_calls = kind in _AUTOGEN_CALLS and is_list(content)
    message = {"role": role, **named, "tool_calls" if is_calls else "content": content}
    return merged(message, _without(value, "type", "source", "content"))


def _typed(item: object, kind: str) -> object:
    return {"type": kind, **item} if is_object(item) else item


def _is_adk(value: Json) -> bool:
    return "author" in value and ("actions" in value or _has_parts(value.get("content")))


def _has_parts(content: object) -> bool:
    return is_object(content) and "parts" in content and "content_type" not in content


def _adk(value: Json) -> Json:
    """Google's Agent Development Kit: events with a content of Gemini, and changes of state."""
    body = _without(value, "author", "content", "actions")
    author, content = as_text(value["author"]), value.get("content")
    inner = content if is_object(content) else {"content": content}
    changed = _without_nothing(value.get("actions"))
    if content is None and changed:
        inner = {"content": f"actions: {data_text(changed)}"}
    elif changed:
        body["actions"] = changed
    role = inner.get("role") or ("user" if author == "user" else "assistant")
    named = {"name": author} if author not in words("assistant model user") else {}
    return merged({**named, **inner, "role": role}, body)


def _without_nothing(value: object) -> object:
    if not is_object(value):
        return value
    return {name: inner for name, inner in value.items() if remaining("", inner) is not None}


def _is_openhands(value: Json) -> bool:
    is_event = "source" in value and _is_kind(value.get("kind"), "Event")
    is_step = "tool_name" in value and any(is_object(value.get(n)) for n in _OPENHANDS)
    return is_event or is_step or is_object(value.get("llm_message"))


def _is_kind(value: object, ending: str = "") -> bool:
    """Whether a field only names the class of an object."""
    return isinstance(value, str) and value.isidentifier() and value.endswith(ending)


def _openhands(value: Json) -> Json:
    """OpenHands' SDK: messages, actions and observations as events."""
    name = next((n for n in _OPENHANDS if is_object(value.get(n))), None)
    inner = value[name] if name else None
    if name is None and not {"system_prompt", "error"} & value.keys():
        return {"role": "system", "content": value}
    known = {
        "kind": _is_kind(value.get("kind"), "Event"),
        "source": value.get("source") in _SOURCES,
    }
    said = (n for n, is_known in known.items() if is_known)
    body = _without(value, *said, name or "system_prompt")
    if not is_object(inner):
        is_prompt = "system_prompt" in value
        role = "system" if is_prompt else "tool"
        return {**body, "role": role, "content": value.get("system_prompt", "")}
    if name == "llm_message":
        return merged(inner, body)
    if name == "observation":
        return {**body, "role": "tool", "content": [{"type": "tool_result", **_content(inner)}]}
    return _acted(_content(inner), body)


def _content(value: Json) -> Json:
    """What is in an action or an observation, beside its class."""
    return _without(value, *(["kind"] if _is_kind(value.get("kind")) else []))


def _acted(arguments: Json, event: Json) -> Json:
    """An action with the call that led to it, which says most of the arguments again."""
    named = {"id": event.get("tool_call_id"), "name": event.get("tool_name")}
    given = event.get("tool_call")
    call = given if is_object(given) else {**named, "arguments": arguments}
    args = from_json_text(call.get("arguments"))
    left = {n: v for n, v in arguments.items() if not (is_object(args) and args.get(n) == v)}
    same = {
        "tool_call": call is given,
        "tool_call_id": call.get("id") == named["id"],
        "tool_name": call.get("name") == named["name"],
    }
    body = _without(event, "thought", *(n for n, is_same in same.items() if is_same))
    spoken = {"role": "assistant", "content": event.get("thought"), "tool_calls": [call]}
    return {**body, **spoken, "action": left}


def _chatgpt(value: Json) -> Json:
    """ChatGPT's export: the role in an object."""
    author = value["author"]
    inner = author if is_object(author) else {"role": author}
    named = {f"author_{n}" if n in value else n: v for n, v in inner.items()}
    return {**_without(value, "author"), **named}


def _letta(value: Json) -> Json:
    kind = as_text(value["message_type"]).removesuffix("_message")
    body = _without(value, "message_type", "tool_return")
    returned = {"content": value["tool_return"]} if "tool_return" in value else {}
    return merged({**returned, "role": _LETTA.get(kind, kind)}, body)


def _speaker(value: Json) -> Json:
    """Claude.ai's export, and others: the role under another name."""
    name = next(name for name in ("sender", "speaker") if name in value)
    return {**_without(value, name), "role": role_of(value[name], name)}


def _is_role_and_text(value: Json) -> bool:
    return len(value) == 1 and all(map(is_role, value))


def _role_and_text(value: Json) -> Json:
    """The role as the name of the text."""
    return next({"role": role, "content": text} for role, text in value.items())


def _without(value: Json, *names: str) -> Json:
    return {name: inner for name, inner in value.items() if name not in names}


_TABLE: Sequence[tuple[Callable[[Json], bool], Callable[[Json], Json]]] = (
    (lambda value: "role" in value, dict),
    (_is_autogen, _autogen),
    (_is_adk, _adk),
    (_is_openhands, _openhands),
    (lambda value: "author" in value and "content" in value, _chatgpt),
    (lambda value: as_text(value.get("message_type")).endswith("_message"), _letta),
    (lambda value: "sender" in value or "speaker" in value, _speaker),
    (_is_role_and_text, _role_and_text),
)


def renamed(value: Json) -> Json | None:
    """The chat message that an object is under other names; None if it is none."""
    return next((rename(value) for fits, rename in _TABLE if fits(value)), None)
