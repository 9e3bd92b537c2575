"""Reads a message of any form, which its own fields tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from experience_store.submissions.forms.chat import read_chat
from experience_store.submissions.forms.fields import MAX_SHOWN
from experience_store.submissions.forms.langchain import is_langchain, read_langchain
from experience_store.submissions.forms.openhands import is_event, read_event
from experience_store.submissions.forms.plain import read_plain
from experience_store.submissions.forms.pydantic_ai import is_pydantic_ai, read_pydantic_ai
from experience_store.submissions.forms.renamed import plain_names, renamed
from experience_store.submissions.forms.responses import is_item, read_item
from experience_store.submissions.forms.roles import ROLES
from experience_store.submissions.forms.sharegpt import is_sharegpt, read_sharegpt
from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    from_json_text,
    is_list,
    is_object,
    words,
)
from experience_store.submissions.forms.wrapped import field_with_messages, read_wrapped
from experience_store.trajectory import Message

Fields: TypeAlias = Mapping[str, object]

_FORMS: Sequence[tuple[Callable[[Fields], bool], Callable[[Fields], tuple[Message, ...]]]] = (
    (is_item, read_item),
    (is_langchain, read_langchain),
    (is_pydantic_ai, read_pydantic_ai),
    (is_sharegpt, read_sharegpt),
    (is_event, read_event),
)
_PAIR = 2
# Forms that are not read, by fields that they have: how to give what they hold.
_CONVERTED = (
    (
        words("step_number model_output system_prompt task_images code_action"),
        "a memory step of smolagents: give agent.write_memory_to_messages()",
    ),
    (
        words("tasks_output expected_output"),
        "an output of CrewAI: give its raw text as output, or its messages as messages",
    ),
    (
        words("span_id spanId trace_id traceId run_type"),
        "a span of a trace: give the messages in its attributes, inputs and outputs as messages",
    ),
    (
        words("leafUuid snapshot isSnapshotUpdate subtype toolUseID"),
        "a line of Claude Code's log, but no message: leave out all lines but those",
    ),
    (
        words("payload"),
        "a line of Codex's log, but no message: leave out all lines but response items",
    ),
    (
        words("has_more first_id"),
        "a page of a list: give the messages in its data, the oldest first",
    ),
    (
        words("observation_0"),
        "a step with its result: give an assistant's message with tool_calls, and one of role tool",
    ),
    (
        words("bubbleId"),
        "a bubble of Cursor: give messages of role user and assistant, and calls in tool_calls",
    ),
    (
        words("message.role"),
        "a message as attributes of a span: leave out the beginning of the names, as in role",
    ),
    (
        words("delta"),
        "an event of a stream: give the finished message",
    ),
    (
        words("instruction prompt question query human"),
        "a question with its answer: give two messages, of role user and assistant",
    ),
)


def read_message(value: object) -> tuple[Message, ...]:
    """Read a message, which may become several: each result is one of its own.

    Raises:
        UnreadableError: If it cannot be read, or not without loss.
    """
    if value is None:
        return ()
    if is_object(value) and (plain := read_plain(value)):
        return (plain,)
    found = _role_and_text(from_json_text(value))
    if not is_object(found):
        raise UnreadableError("must be an object with role and content")
    try:
        return _read_object(plain_names(found))
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error


def _read_object(value: Json) -> tuple[Message, ...]:
    if field := field_with_messages(value):
        return read_wrapped(value, field, read_message)
    if not is_item(value) and (chat := renamed(value)):
        return read_chat(chat)
    for fits, read in _FORMS:
        if fits(value):
            return read(value)
    for marks, how in _CONVERTED:
        if marks & value.keys():
            raise UnreadableError(f"is {how}")
    names = ", ".join(str(name)[:MAX_SHOWN] for name in list(value)[:8]) or "none"
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
