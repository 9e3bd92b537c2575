"""Reads chat completions in the standard form: the text of the model, and the tokens used.

Some proxies and servers send other things than completions with status 200. A response without an
answer is an error; if only the token count is missing, it is estimated, so that a budget limits
such endpoints too.
"""

from __future__ import annotations

import re
from typing import cast

from experience_store.store import Usage
from experience_store.token_estimate import estimate_tokens
from server.learning.models import Reply, Unusable
from server.learning.models.error_responses import error_in
from server.learning.models.standard_form import (
    REASONING,
    Json,
    end_of,
    list_or_empty,
    object_or_empty,
)
from server.settings import Prices, cost_of

MAX_TOKENS = 10**9  # of one call: far beyond any model, and sums still fit into the database
MAX_REFUSAL = 300  # characters of a refusal that are passed on
MAX_NAMED = 5
MAX_NAMED_TEXT = 80
# A tool call that the server did not recognise as one.
_WRITTEN_CALL = re.compile(
    r"\s*(?:<tool_calls?>|<function[=_]|\[TOOL_CALLS\]|<\|python_tag\|>"
    r"|<\W{1,2}tool[\W_]calls?(?:[\W_](?:section[\W_])?begin)?\W{1,2}>)"
)
_NAME_OF_CALL = re.compile(r"(?:\"name\"\s*:\s*\"|<function=)([\w.-]{1,60})")


class NoCompletionError(Exception):
    """The response is not a chat completion."""


def read_reply(completion: object, asked: str, prices: Prices | None) -> Reply:
    """The text of the model, and its cost.

    Args:
        completion: A completion in the standard form, as the client returns it.
        asked: The whole prompt, to estimate tokens if none are reported.
        prices: Prices of the model.

    Raises:
        NoCompletionError: If the response has no answer.
    """
    choice, message = first_choice(completion)
    text, reasoning = str(message.get("content") or ""), str(message.get(REASONING) or "")
    usage = _usage(completion, prices)
    tokens = usage.completion_tokens if usage else None
    return Reply(
        text,
        usage or estimated(asked, text + reasoning, prices),
        estimated=usage is None,
        reasoning=reasoning,
        unusable=why_unusable(choice.get("finish_reason"), message, tokens),
    )


def why_unusable(
    finish_reason: object, message: Json, completion_tokens: int | None = None
) -> Unusable | None:
    """Why what the model wrote is not the answer to a question; None if it is.

    Args:
        finish_reason: Why the completion ended.
        message: The message, in the standard form.
        completion_tokens: Tokens of the completion, if reported.
    """
    end = end_of(finish_reason)
    text, reasoning = str(message.get("content") or ""), str(message.get(REASONING) or "")
    refusal = " ".join(str(message.get("refusal") or "").split())
    if end == "content_filter":
        return Unusable("filtered", "the endpoint's content filter withheld the answer")
    if end == "refusal" or refusal:
        said = f": {refusal[:MAX_REFUSAL]}" if refusal else ""
        return Unusable("refusal", f"the model refused to answer{said}")
    if end == "length":
        where = f"{completion_tokens:,} tokens" if completion_tokens else "the token limit"
        only = "" if text.strip() or not reasoning else ", with nothing but reasoning"
        return Unusable("cut", f"the answer was cut at {where}{only}")
    if calls := _called(message, text):
        names = ", ".join(map(repr, calls[:MAX_NAMED]))
        return Unusable(
            "tool_call", f"the model called a tool ({names}) instead of answering in text"
        )
    if text.strip():
        return None
    return Unusable(
        "empty", f"the answer is empty{': there is only reasoning' if reasoning else ''}"
    )


def first_choice(completion: object) -> tuple[Json, Json]:
    """The first choice of a completion in the standard form, and its message.

    Raises:
        NoCompletionError: If there is none; says what came.
    """
    if (error := error_in(completion)) is not None:
        raise NoCompletionError(error)
    if not isinstance(completion, dict):
        raise NoCompletionError(f"the response is not a chat completion but {_kind(completion)}")
    body = object_or_empty(cast("object", completion))
    if "choices" not in body:
        has = ", ".join(list(body)[:MAX_NAMED]) or "nothing"
        raise NoCompletionError(f"the response is not a chat completion: no choices, but {has}")
    choices = list_or_empty(body["choices"])
    if not choices:
        raise NoCompletionError(f"the response has no answer: choices is {_kind(body['choices'])}")
    choice = object_or_empty(choices[0])
    if not isinstance(choice.get("message"), dict):
        raise NoCompletionError("the response has no answer: its first choice has no message")
    return choice, object_or_empty(choice["message"])


def _kind(value: object) -> str:
    """What a JSON value is, in a word or two."""
    if value in ([], {}, ""):
        return "empty"
    match value:
        case None:
            return "null"
        case list():
            return "a list"
        case str():
            return f"text: {' '.join(value.split())[:MAX_NAMED_TEXT]!r}"
        case bool() | int() | float():
            return "a number or a boolean"
        case _:
            return "an object"


def _called(message: Json, text: str) -> list[str]:
    """The names of the tools that a message calls, as calls or written out as text."""
    names: list[str] = []
    for call in list_or_empty(message.get("tool_calls")):
        match call:
            case {"function": {"name": str(name)}} | {"name": str(name)}:
                names.append(name)
            case _:
                names.append("?")
    if not names and _WRITTEN_CALL.match(text):
        names = _NAME_OF_CALL.findall(text) or ["?"]
    return names


def estimated(asked: str, text: str, prices: Prices | None) -> Usage:
    """The estimated usage of a call; its cost is None without prices."""
    prompt, completion = max(1, estimate_tokens(asked)), estimate_tokens(text)
    return Usage(1, prompt, 0, completion, cost_of(prices, prompt, 0, completion))


def plausible(prompt: int, completion: int) -> bool:
    """Whether a call may have used that many tokens; a prompt is never empty."""
    return 0 < prompt <= MAX_TOKENS and 0 <= completion <= MAX_TOKENS


def _usage(completion: object, prices: Prices | None) -> Usage | None:
    """The usage that the endpoint reports; None if it is missing or invalid."""
    used = object_or_empty(object_or_empty(completion).get("usage"))
    match used.get("prompt_tokens"), used.get("completion_tokens"):
        case int(prompt), int(wrote) if plausible(prompt, wrote):
            pass
        case _:
            return None
    reported = object_or_empty(used.get("prompt_tokens_details")).get("cached_tokens")
    cached = max(0, min(reported, prompt)) if isinstance(reported, int) else 0
    return Usage(1, prompt, cached, wrote, cost_of(prices, prompt, cached, wrote))
