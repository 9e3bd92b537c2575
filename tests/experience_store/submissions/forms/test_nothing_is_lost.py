"""Whatever a message looks like: it is refused, or every text in it is stored."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from experience_store.submissions.forms.fields import snake_case
from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.values import UnreadableError, is_list, is_object
from experience_store.trajectory import messages_to_json
from tests.parameters import first_of

METADATA = [
    *("id", "index", "createdAt", "timestamp", "usage", "model", "status", "annotations"),
    *("cache_control", "logprobs", "metadata", "providerMetadata", "signature", "tool_call_id"),
]
FIELDS = [
    *("content", "parts", "text", "message", "contnt", "value", "thinking", "reasoning", "refusal"),
    *("reasoning_content", "reasoning_details", "summary", "tool_calls", "toolCalls"),
    *("function_call", "functionCall", "function", "toolInvocations", "name", "toolName", "args"),
    *("arguments", "input", "parameters", "output", "result", "response", "error", "artifact"),
    *("toolUse", "toolResult", "functionResponse", "json", "data", "kwargs", "additional_kwargs"),
    *("image", "images", "audio", "transcript", "tool_plan", "tool_results", "title", "zzz"),
    *("instructions", "invalid_tool_calls", "action", "queries", "url", "errorText"),
]
TYPES = [
    *("text", "thinking", "refusal", "tool_use", "tool_result", "tool-call", "tool-result", "json"),
    *("tool-search", "dynamic-tool", "tool-invocation", "image_url", "document", "file", "custom"),
    *("function_call", "function_call_output", "web_search_call", "reasoning", "message", "human"),
    *("ai", "tool", "function", "web_search_tool_result", "server_tool_use", "step-start", "odd"),
]
PART_KINDS = ["text", "tool-call", "tool-return", "user-prompt", "retry-prompt", "thinking", "odd"]
ROLES = ["user", "assistant", "tool", "model", "USER", "system", "function", "tool_call"]


class Messages:
    """Random messages; each text is another word."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._words = 0

    def message(self) -> dict[str, object]:
        choose = self._random.choice
        form = self._random.random()
        made = self.fields(3)
        if form < 0.6:
            made["role"] = choose(ROLES)
        elif form < 0.7:
            made["type"] = choose(TYPES)
        elif form < 0.8:
            made |= {"kind": choose(["request", "response"]), "parts": self.value(3)}
        elif form < 0.9:
            made |= {"from": choose(ROLES), "value": self.value(3)}
        else:
            made |= {"lc": 1, "id": ["langchain", "AIMessage"], "kwargs": self.fields(3)}
        return made

    def fields(self, depth: int) -> dict[str, object]:
        names = self._random.sample([*FIELDS, *METADATA], self._random.randint(1, 4))
        made = {name: self.value(depth - 1) for name in names}
        if self._random.random() < 0.5:
            made["type"] = self._random.choice(TYPES)
        if self._random.random() < 0.1:
            made["part_kind"] = self._random.choice(PART_KINDS)
        return made

    def value(self, depth: int) -> object:
        kind = self._random.random()
        if depth <= 0 or kind < 0.35:
            return self.leaf()
        if kind < 0.65:
            return self.fields(depth)
        if kind < 0.75:
            return json.dumps(self.fields(depth))
        return [self.value(depth - 1) for _ in range(self._random.randint(0, 3))]

    def leaf(self) -> object:
        self._words += 1
        word = f"word{self._words}end"
        return self._random.choice([word, word, word, word, None, "", 7, True])


_OF_THE_SPEAKER: dict[str, object] = {"from": None, "id": None, "name": None, "toolName": None}
_SKIPPED = {snake_case(name) for name in METADATA} | {"type", "role", "part_kind", "kind"}


def texts(value: object, *, of_media: bool = False) -> Iterator[str]:
    """Every text that is neither metadata nor binary data."""
    if is_object(value):
        media = of_media or value.get("type") in {"image_url", "document", "file"}
        for key, inner in value.items():
            name = snake_case(key)
            if name not in _SKIPPED and not (media and name == "data"):
                yield from texts(inner, of_media=media or name in {"image", "images", "audio"})
    elif is_list(value):
        for inner in value:
            yield from texts(inner, of_media=of_media)
    elif isinstance(value, str) and value[:1] == "{":
        yield from texts(json.loads(value), of_media=of_media)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("seed", first_of(*range(4)))
def test_a_message_is_refused_or_every_text_of_it_is_stored(seed: int) -> None:
    made = Messages(seed)
    read = 0
    for _ in range(2_000):
        message = made.message()
        try:
            stored = messages_to_json(read_message(message))
        except UnreadableError:
            continue
        read += 1
        for text in texts({**message, **_OF_THE_SPEAKER}):
            assert text in stored, (message, stored)
    assert read > 200
