"""Streams of events become the completion that they stand for, and nothing of it is lost."""

from __future__ import annotations

import json

from server.learning.models.completions import first_choice
from server.learning.models.standard_form import (
    Json,
    in_standard_form,
    list_or_empty,
    object_or_empty,
)
from server.learning.models.streaming import joined


def stream(*deltas: Json, end: str = "\n\n") -> str:
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    lines = [f"data: {json.dumps(event, ensure_ascii=False)}{end}" for event in events]
    return "".join([*lines, f"data: [DONE]{end}"])


def message(text: str) -> Json:
    return first_choice(in_standard_form(joined(text)))[1]


def test_text_is_joined_whatever_stands_between_the_events() -> None:
    deltas: list[Json] = [{"content": t} for t in ("It is ", "4\u2028", "apples\u0085", ", not 5")]
    for end in ("\n\n", "\r\n\r\n", "\n"):
        assert message(stream(*deltas, end=end))["content"] == "It is 4\u2028apples\u0085, not 5"
    assert message(f": a comment\nevent: message\n{stream({'content': '4'})}")["content"] == "4"
    assert (
        message(
            'data: {"choices": [{"index": "0",\ndata: "delta": {"content": "4"}}]}\n\n'
            "data: [DONE]\n\n"
        )["content"]
        == "4"
    )


def test_a_whole_message_at_the_end_takes_the_place_of_its_parts() -> None:
    whole = json.dumps({"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]})
    assert message(f"{stream({'content': '4'})}data: {whole}\n\n")["content"] == "4"


def test_tool_calls_are_told_apart_by_their_ids() -> None:
    parts: list[Json] = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "say", "arguments": '{"n'}}]},
        {"tool_calls": [{"index": 0, "function": {"name": "say", "arguments": '": 1}'}}]},
        {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "say", "arguments": "{}"}}]},
    ]
    calls = message(stream(*parts))["tool_calls"]
    assert calls == [
        {"id": "a", "type": "function", "function": {"name": "say", "arguments": '{"n": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "say", "arguments": "{}"}},
    ]


def test_tool_calls_are_brought_into_one_form() -> None:
    for call in (
        {"function": {"name": "say", "arguments": {"n": 1}}},
        {"id": None, "name": "say", "arguments": '{"n": 1}'},
        {"id": 7, "type": None, "function": {"name": "say", "input": {"n": 1}}},
    ):
        body = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
        (made,) = map(
            object_or_empty, list_or_empty(first_choice(in_standard_form(body))[1]["tool_calls"])
        )
        assert made["function"] == {"name": "say", "arguments": '{"n": 1}'}
        assert made["id"] in {"call_0", "7"}
        assert made["type"] == "function"
