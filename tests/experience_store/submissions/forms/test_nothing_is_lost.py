"""Whatever a message looks like: it is refused, or every text in it is stored."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

import pytest

from experience_store.submissions.forms.fields import remaining, snake_case
from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.values import UnreadableError, is_list, is_object
from experience_store.trajectory import messages_to_json
from tests.experience_store.submissions.forms.test_forms import FORMS
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
        number = 7_000_000 + self._words
        return self._random.choice([word, word, word, word, None, "", number, True])


_NOT_STORED = {"type", "role", "part_kind", "kind", "id"}
_OF_THE_SPEAKER = {"from", "id", "type", "role", "kind", "lc"}
_COUNTED = {"usage", "usageMetadata", "models_usage", "cachePoint", "cache_control"}


def leaves(value: object, *, of_media: bool = False) -> Iterator[str]:
    """Every text and number that is neither bookkeeping nor binary data."""
    if is_object(value):
        media = of_media or value.get("type") in {"image_url", "document", "file"}
        for key, inner in value.items():
            name = snake_case(key)
            binary = media and name in {"data", "id", "index"}
            if name not in _NOT_STORED and remaining(name, inner) is not None and not binary:
                yield from leaves(inner, of_media=media or name in {"image", "images", "audio"})
    elif is_list(value):
        for inner in value:
            yield from leaves(inner, of_media=of_media)
    elif isinstance(value, str) and value[:1] == "{":
        yield from leaves(json.loads(value), of_media=of_media)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)


def stored_or_refused(message: object) -> str | None:
    """What is stored of a message; None if it is refused with its place."""
    try:
        return messages_to_json(read_message(message))
    except UnreadableError:
        return None


@pytest.mark.parametrize("seed", first_of(*range(4)))
def test_a_message_is_refused_or_every_value_of_it_is_stored(seed: int) -> None:
    made = Messages(seed)
    read = 0
    for _ in range(2_000):
        message = made.message()
        stored = stored_or_refused(message)
        if stored is None:
            continue
        read += 1
        body = {name: value for name, value in message.items() if name not in _OF_THE_SPEAKER}
        for text in leaves(body):
            assert text in stored, (message, stored)
    assert read > 200


NAME = "zq_extra"
VALUES: list[object] = [
    "marker one",
    918273.5,
    True,
    False,
    {"note": "marker one", "number": 918273, "inner": {"deep": "marker two"}},
    ["marker one", 918273, {"note": "marker two"}],
    [[True]],
    '{"note": "marker one"}',
    json.dumps(json.dumps(["marker one"])),
]
ELSEWHERE: list[tuple[str, object]] = [
    ("metadata", {"note": "marker one", "deep": [{"n": 918273}]}),
    ("metadata", "marker"),
    ("status", "marker"),
    ("state", "marker"),
    ("source", "marker"),
    ("outcome", 918273),
    ("channel", {"name": "marker one"}),
    ("usage", "marker that says a lot"),
    ("annotations", [{"url": "marker"}]),
    ("model", {"note": "marker"}),
    ("step", "marker"),
    ("type", "marker"),
    ("kind", "marker"),
    ("object", "marker"),
]
_MARKERS = re.compile(r"marker(?: one| two| that says a lot)?|918273(?:\.5)?")


REPLACEMENTS: list[object] = [918273.5, {"q": "marker one"}, ["marker one", 918273], [[]]]
_OF_THE_FORM = {"lc", "cwd", "gitBranch", "isSidechain", "userType", "cause", "mapping"}


def with_another_value(value: object, new: object) -> Iterator[tuple[str, object]]:
    """A message with each value in it replaced in turn, and the name of the field."""
    if is_object(value):
        for key, inner in value.items():
            if key in _COUNTED or key in _OF_THE_FORM:
                continue
            yield key, {**value, key: new}
            for name, changed in with_another_value(inner, new):
                yield name, {**value, key: changed}
    elif is_list(value):
        for place, inner in enumerate(value):
            for name, changed in with_another_value(inner, new):
                yield name, [*value[:place], changed, *value[place + 1 :]]


@pytest.mark.parametrize("form", FORMS)
def test_another_value_anywhere_in_any_form_is_stored_or_refused(form: str) -> None:
    for new in REPLACEMENTS:
        for message in FORMS[form][0]:
            for name, changed in with_another_value(message, new):
                stored = stored_or_refused(changed)
                if stored is None or remaining(snake_case(name), new) is None:
                    continue
                for marker in _MARKERS.findall(json.dumps(new)):
                    assert marker in stored, (changed, stored)


def with_field(value: object, name: str, added: object) -> Iterator[object]:
    """A message with one more field, in each of its objects in turn."""
    if is_object(value):
        if name not in value:
            yield {**value, name: added}
        for key, inner in value.items():
            if key in _COUNTED:
                continue
            yield from ({**value, key: changed} for changed in with_field(inner, name, added))
    elif is_list(value):
        for place, inner in enumerate(value):
            for changed in with_field(inner, name, added):
                yield [*value[:place], changed, *value[place + 1 :]]


COMMON = ("OpenAI", "Anthropic", "Gemini", "Bedrock", "Vercel", "LangChain", "Responses")


@pytest.mark.parametrize(
    "form",
    [
        form if form.startswith(COMMON) else pytest.param(form, marks=pytest.mark.exhaustive)
        for form in FORMS
    ],
)
def test_a_field_more_anywhere_in_any_form_is_stored_or_refused(form: str) -> None:
    checked, places = 0, set[tuple[str | int, ...]]()
    for name, added in [*((NAME, value) for value in VALUES), *ELSEWHERE]:
        for message in FORMS[form][0]:
            for changed in with_field(message, name, added):
                try:
                    stored = messages_to_json(read_message(changed))
                except UnreadableError as refused:
                    places.add(refused.place)
                    continue
                checked += 1
                if isinstance(added, bool):
                    assert re.search(rf"{name}\W+{str(added).lower()}", stored), (changed, stored)
                for marker in _MARKERS.findall(json.dumps(added)):
                    assert marker in stored, (changed, stored)
    assert checked
    assert all(places)
