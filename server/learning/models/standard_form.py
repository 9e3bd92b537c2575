"""Brings what endpoints send as a chat completion into one form: OpenAI's.

OpenAI-compatible endpoints differ: content comes as text, as a list of parts or not at all;
reasoning in fields of several names, or as thoughts within the content; counts of tokens under
other names. What is known is put where OpenAI puts it; all else stays as it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias, cast

from experience_store.submissions.clean_text import clean
from experience_store.thoughts import split_thoughts

Json: TypeAlias = dict[str, object]

REASONING = "reasoning_content"
_REASONING_FIELDS = (REASONING, "reasoning", "thinking", "reasoning_details")
_REASONING_PARTS = ("thinking", "reasoning", "reasoning_content", "summary")
# Why completions end, in the words of many endpoints; whatever else they say is an ordinary end.
_ENDS = {
    "content_filter": re.compile(r"filter|safety|recitation|prohibited|blocklist|sensitive"),
    "tool_calls": re.compile(r"tool|function"),
    "length": re.compile(r"length|max_|token_limit|context|truncat|budget"),
    "refusal": re.compile(r"refus"),
    "error": re.compile(
        r"error|abort|cancel|insufficient|interrupt|time_?out|unavailable|overload"
    ),
}
_END_FIELDS = ("finish_reason", "native_finish_reason", "stop_reason", "finishReason")
_PROMPT_TOKENS = (
    "prompt_tokens",
    "input_tokens",
    "promptTokens",
    "inputTokens",
    "prompt_eval_count",
)
_COMPLETION_TOKENS = (
    "completion_tokens",
    "output_tokens",
    "completionTokens",
    "outputTokens",
    "eval_count",
)
_CACHED_TOKENS = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_DETAILS = ("prompt_tokens_details", "input_tokens_details")


def in_standard_form(body: object) -> object:
    """The decoded response as OpenAI would have sent it; unchanged if it is no completion."""
    found = object_or_empty(body)
    choices = found.get("choices")
    if not isinstance(choices, list):
        return body
    standard: Json = {
        **found,
        "id": str(found.get("id") or ""),
        "object": "chat.completion",
        "created": _count(found, ("created",)) or 0,
        "model": str(found.get("model") or ""),
    }
    standard["choices"] = [_choice(choice) for choice in list_or_empty(found["choices"])]
    usage = _usage(found.get("usage"))
    standard.pop("usage", None)
    if usage is not None:
        standard["usage"] = usage
    return standard


def object_or_empty(value: object) -> Json:
    """A JSON object; an empty one in place of anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def list_or_empty(value: object) -> list[object]:
    """A JSON array; an empty one in place of anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []


def end_of(finish_reason: object) -> str:
    """Why a completion ended, in OpenAI's word; `stop` for what is not known."""
    said = str(finish_reason or "").lower()
    return next((end for end, words in _ENDS.items() if words.search(said)), "stop")


def _choice(choice: object) -> object:
    if not isinstance(choice, dict):
        return choice
    found = cast("Json", choice)
    message = found.get("message") or found.get("delta")
    if message is None and isinstance(found.get("text"), str):
        message = {"content": found["text"]}
    end = end_of(next((found[name] for name in _END_FIELDS if found.get(name)), None))
    standard: Json = {"index": 0, **found, "finish_reason": end}
    if isinstance(message, str):
        message = {"content": message}
    if isinstance(message, dict):
        standard["message"] = _message(cast("Json", message), finished=end == "stop")
    return standard


def _message(message: Json, *, finished: bool) -> Json:
    """The message in the standard form.

    Reasoning without content is the answer, if the endpoint put it apart and it was not cut: some
    servers take all of a short answer for reasoning. Thoughts that the model marked are not.
    """
    content = _as_text(message.get("content"))
    thoughts, text = split_thoughts(clean("".join(_texts(content))))
    reasoning = [*_reasoning(message), thoughts]
    refusal = message.get("refusal") or next(_refusals(message.get("content")), None)
    standard = {name: value for name, value in message.items() if name not in _REASONING_FIELDS}
    if isinstance(details := message.get("reasoning_details"), list):
        standard["reasoning_details"] = details  # some endpoints want it back
    standard |= {"role": "assistant", "content": text}
    standard.pop("refusal", None)
    if refusal:
        standard["refusal"] = clean(str(refusal))
    calls = list_or_empty(message.get("tool_calls")) or list_or_empty(
        [message.get("function_call")]
    )
    standard.pop("function_call", None)
    standard.pop("tool_calls", None)
    if called := [_call(call, place) for place, call in enumerate(calls) if object_or_empty(call)]:
        standard["tool_calls"] = called
    said = clean("\n".join(part for part in reasoning if part))
    if said and finished and not (text.strip() or thoughts or refusal or called):
        standard["content"] = said
    elif said:
        standard[REASONING] = said
    return standard


def _call(call: object, place: int) -> Json:
    """A tool call, with name and arguments in `function` and the arguments as text."""
    found = object_or_empty(call)
    function = object_or_empty(found.get("function")) or found
    given = function.get("arguments", function.get("input"))
    arguments = given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)
    return {
        "id": str(found.get("id") or f"call_{place}"),
        "type": "function",
        "function": {"name": str(function.get("name") or "?"), "arguments": arguments or "{}"},
    }


def _texts(content: object) -> Iterator[str]:
    """The texts of a content that are no reasoning."""
    if isinstance(content, str):
        yield content
    for part in list_or_empty(content):
        yield from _texts(part)
    part = object_or_empty(content)
    if part and str(part.get("type", "text")) in {"text", "output_text"}:
        yield from _texts(part.get("text", part.get("content")))


def _as_text(content: object) -> object:
    """The content; as JSON text if the endpoint decoded what the model wrote."""
    is_part = {"text", "content", "type"} & object_or_empty(content).keys()
    if content is None or isinstance(content, str | list) or is_part:
        return cast("object", content)
    return json.dumps(content, ensure_ascii=False)


def _refusals(content: object) -> Iterator[str]:
    for part in list_or_empty(content):
        match part:
            case {"refusal": str(refusal)} if refusal:
                yield refusal
            case _:
                pass


def _reasoning(message: Json) -> Iterator[str]:
    """The reasoning of a message, wherever it stands; each text once."""
    told: set[str] = set()
    parts = list_or_empty(message.get("content"))
    places = [message.get(name) for name in _REASONING_FIELDS]
    places += [part for part in parts if object_or_empty(part).get("type") in _REASONING_PARTS]
    for place in places:
        said = "\n".join(_reasoning_texts(place)).strip()
        if said and said not in told:
            told.add(said)
            yield said


def _reasoning_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in list_or_empty(value):
        yield from _reasoning_texts(part)
    part = object_or_empty(value)
    for name in ("text", "content", *_REASONING_PARTS):
        if name in part:
            yield from _reasoning_texts(part[name])


def _usage(reported: object) -> Json | None:
    """Counts of tokens under OpenAI's names; None if they are not complete."""
    used = object_or_empty(reported)
    prompt = _count(used, _PROMPT_TOKENS)
    completion = _count(used, _COMPLETION_TOKENS)
    total = _count(used, ("total_tokens", "totalTokens"))
    if completion is None and prompt is not None and total is not None:
        completion = total - prompt
    if prompt is None or completion is None:
        return None
    places = [*(object_or_empty(used.get(name)) for name in _DETAILS), used]
    cached = next((n for place in places if (n := _count(place, _CACHED_TOKENS)) is not None), None)
    standard: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if cached is not None:
        standard["prompt_tokens_details"] = {"cached_tokens": cached}
    return standard


def _count(used: Json, names: tuple[str, ...]) -> int | None:
    """A number of tokens under one of these names, also as a decimal number or as text."""
    value = next((used[name] for name in names if used.get(name) is not None), None)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return None


def encoded(body: object) -> bytes:
    """The body of a response."""
    return json.dumps(body, ensure_ascii=True).encode()
