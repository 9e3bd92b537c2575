"""Joins a streamed chat completion: some endpoints do not answer otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import cast

from server.learning.models.standard_form import Json, list_or_empty

STREAM = "text/event-stream"
_END = "[DONE]"
_LINE_END = re.compile(r"\r\n|\r|\n")  # other breaks of lines are part of what is said
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n){2,}")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def joined(stream: str) -> Json | None:
    """The completion that the events of a stream make up; None if they are none.

    An error among the events takes the place of the completion.
    """
    whole: Json = {}
    texts: dict[str, list[object]] = {}
    calls: list[Json] = []
    finish: object = None
    for event in _events(stream):
        if event.get("error"):
            return event
        whole |= {name: event[name] for name in ("id", "model", "created") if event.get(name)}
        whole["usage"] = event.get("usage") or whole.get("usage")
        for choice in _objects(event.get("choices")):
            if str(choice.get("index") or 0) == "0":
                whole.setdefault("choices", [])
                finish = choice.get("finish_reason") or finish
                if isinstance(choice.get("message"), dict) and not choice.get("delta"):
                    texts, calls = {}, []  # it is the whole message, after its parts
                _add(texts, calls, choice.get("delta") or choice.get("message"))
    if "choices" not in whole:
        return None
    message: Json = {"role": "assistant", "content": ""}
    message |= {name: _together(pieces) for name, pieces in texts.items()}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": finish}
    if finish is None and _END not in stream:
        choice["error"] = {"message": "the stream broke off before its end"}
    return {**whole, "choices": [choice]}


def _events(stream: str) -> Iterator[Json]:
    """The data of the events, decoded; what cannot be decoded is an error."""
    for block in _BLANK_LINE.split(stream):
        lines = [line.partition(":") for line in _LINE_END.split(block)]
        data = "\n".join(value.removeprefix(" ") for name, _, value in lines if name == "data")
        is_error = any(name == "event" and "error" in value for name, _, value in lines)
        if is_error and data:
            yield {"error": data}  # JSON or text
            continue
        for event in _decoded(data):
            if isinstance(event, dict):
                yield cast("Json", event)


def _decoded(data: str) -> list[object]:
    """The JSON in the data of an event, or of several without blank lines between."""
    try:
        return [json.loads(data)]
    except (ValueError, RecursionError):
        texts = [text.strip() for text in data.split("\n")]
    events: list[object] = []
    for text in texts:
        if text and text != _END:
            try:
                events.append(json.loads(text))
            except (ValueError, RecursionError):
                events.append({"error": {"message": "an event of the stream is cut off"}})
    return events


def _add(texts: dict[str, list[object]], calls: list[Json], delta: object) -> None:
    for more in _objects([delta]):
        for name in _TEXTS:
            if piece := more.get(name):
                texts.setdefault(name, []).append(piece)
        for part in _objects(more.get("tool_calls")):
            _add_call(calls, part)


def _add_call(calls: list[Json], part: Json) -> None:
    """Add a part of a tool call: to the call of its id or index, or else to the last one."""
    id_, index = part.get("id"), part.get("index")
    known = [c for c in calls if (c["id"] == id_ if id_ else c.get("index") == index)]
    if not known:
        calls.append({"id": id_ or "", "index": index, "type": "function", "function": {}})
        known = calls[-1:]
    function = cast("Json", known[-1].setdefault("function", {}))
    for more in _objects([part.get("function")]):
        if (name := more.get("name")) and name != function.get("name"):
            function["name"] = f"{function.get('name', '')}{name}"
        arguments = more.get("arguments")
        if isinstance(arguments, dict):
            function["arguments"] = arguments
        elif arguments:
            function["arguments"] = f"{function.get('arguments', '')}{arguments}"


def _together(pieces: list[object]) -> object:
    """The pieces as one text, or as a list of parts if some are lists."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(map(str, pieces))
    parts: list[object] = []
    for piece in pieces:
        parts += cast("list[object]", piece) if isinstance(piece, list) else [piece]
    return parts


def _objects(values: object) -> Iterator[Json]:
    return (cast("Json", value) for value in list_or_empty(values) if isinstance(value, dict))
