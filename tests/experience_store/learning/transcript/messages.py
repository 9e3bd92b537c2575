"""Short ways to write messages, and the checks of every shortened attempt."""

from __future__ import annotations

import json

from experience_store.learning.transcript import (
    Shortened,
    shorten,
)
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Message, ToolCall, Trajectory


def user(text: str) -> Message:
    return Message("user", text)


def said(text: str) -> Message:
    return Message("assistant", text)


def call(name: str, arguments: dict[str, object] | str, call_id: str = "c1") -> Message:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Message("assistant", "", (ToolCall(name, text, call_id),))


def result(text: str, call_id: str | None = "c1", name: str | None = None) -> Message:
    return Message("tool", text, name=name, tool_call_id=call_id)


def attempt(*messages: Message) -> Trajectory:
    return Trajectory("t", messages)


def talk(turns: int) -> list[Message]:
    return [
        user(f"Please tell me about thing {i}, in some detail if you would.")
        if i % 2 == 0
        else said(f"Thing {i} is rather like the others. It is made of parts, and so on.")
        for i in range(turns)
    ]


def check(messages: list[Message] | tuple[Message, ...], budget: int) -> Shortened:
    short = shorten(messages, budget)
    assert short.tokens == estimate_tokens(short.text)
    assert short.tokens <= max(budget, 0)
    assert short == shorten(messages, budget)
    return short
