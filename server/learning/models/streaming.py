"""Joins a streamed chat completion: some endpoints do not answer otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from server.learning.models.standard_form import Json

STREAM = "text/event-stream"
_END = "[DONE]"
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def joined(stream: str) -> Json | None:
    """The completion that the events of a stream make up; None if they are none.

    An error among the events takes the place of the completion.
    """
    whole: Json = {}
    texts: dict[str, list[object]] = {}
    calls: dict[int, Json] = {}
    finish: object = None
    for event in _events(stream):
        if event.get("error"):
            return event
        whole |= {name: event[name] for name in ("id", "model", "created") if event.get(name)}
        whole["usage"] = event.get("usage") or whole.get("usage")
        for choice in _objects(event.get("choices")):
            if choice.get("index") in {0, None}:
                whole.setdefault("choices", [])
                finish = choice.get("finish_reason") or finish
                _add(texts, calls, choice.get("delta") or choice.get("message"))
    if "choices" not in whole:
        return None
    message: Json = {"role": "assistant", "content": ""}
    message |= {name: _together(pieces) for name, pieces in texts.items()}
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    choice = {"index": 0, "message": message, "finish_reason": finish}
    if finish is None and _END not in stream:
        choice["error"] = {"message": "the stream broke off before its end"}
    return {**whole, "choices": [choice]}


def _events(stream: str) -> Iterator[Json]:
    for line in stream.splitlines():
        if not line.startswith("data:"):
            continue
        try:
            event: object = json.loads(line.removeprefix("data:"))
        except ValueError:
            continue  # the end, or a line that was cut off
        if isinstance(event, dict):
            yield cast("Json", event)


def _add(texts: dict[str, list[object]], calls: dict[int, Json], delta: object) -> None:
    for more in _objects([delta]):
        for name in _TEXTS:
            if piece := more.get(name):
                texts.setdefault(name, []).append(piece)
        for place, part in enumerate(_objects(more.get("tool_calls"))):
            index = part.get("index")
            _add_call(calls.setdefault(index if isinstance(index, int) else place, _call()), part)


def _together(pieces: list[object]) -> object:
    """The pieces as one text, or as a list of parts if some are lists."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(map(str, pieces))
    parts: list[object] = []
    for piece in pieces:
        parts += cast("list[object]", piece) if isinstance(piece, list) else [piece]
    return parts


def _call() -> Json:
    return {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}


def _add_call(call: Json, part: Json) -> None:
    call["id"] = part.get("id") or call["id"]
    function = cast("Json", call["function"])
    for more in _objects([part.get("function")]):
        for name in ("name", "arguments"):
            function[name] = f"{function[name]}{more.get(name) or ''}"


def _objects(values: object) -> Iterator[Json]:
    for value in cast("list[object]", values) if isinstance(values, list) else []:
        if isinstance(value, dict):
            yield cast("Json", value)
