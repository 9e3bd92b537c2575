"""What an endpoint sends back, read in one place: what the model wrote, and what that took.

Proxies and lesser servers send all sorts of things with status 200, and the `openai` package
passes them on as completions. What does not hold an answer is none; where only the count of the
tokens is missing, it is estimated, so that a budget bounds such endpoints too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from experience_store.store import Usage
from experience_store.token_estimate import estimate_tokens
from server.learning.models import Reply
from server.settings import Prices, cost_of

MAX_TOKENS = 10**9  # of one call: far beyond any model, and sums of many fit into a database
MAX_SAID = 300  # characters of an error that came as a completion
_PAYMENT_REQUIRED = 402
_REFUSALS = range(400, 500)
# Codes and types of errors, and words in their messages. That a quota is exceeded may be a matter
# of the minute, and that a prompt or a tool is about bills is none of money: neither counts.
_SPENT_CODE = re.compile(
    r"^(?:billing_|exceeded_current_quota|insufficient_\w*(?:quota|balance|credits?|funds))"
)
_SPENT_WORDS = re.compile(
    r"credit balance|plans (?:&|and) billing|(?:your|enable) billing"
    r"|billing (?:(?:hard )?limit|is|not|account|to be enabled)"
    r"|(?:insufficient|not enough|out of) (?:credits?|balance|funds)\b",
    re.IGNORECASE,
)


class NoCompletionError(Exception):
    """What came is no chat completion."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: object = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: object = None


class _PartWithError(BaseModel):
    error: object = None
    finish_reason: object = None


class _WithError(_PartWithError):
    choices: list[_PartWithError] | None = None


class _Details(BaseModel):
    cached_tokens: NonNegativeInt | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details | None = None


def read_reply(body: object, asked: str, prices: Prices | None) -> Reply:
    """What the model wrote, with what it took.

    Args:
        body: The JSON that came, decoded; or a text, if it was not called JSON.
        asked: All that the model was shown, for an estimate where no tokens are reported.
        prices: Of the model.

    Raises:
        NoCompletionError: If there is no answer in it.
    """
    try:
        came = json.loads(body) if isinstance(body, str) else body
        refuse_errors(came)
        found = _Completion.model_validate(came)
    except ValidationError as error:
        what = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, what["loc"]))
        said = f": {place}: {what['msg']}" if place else ""
        raise NoCompletionError(f"what came is no chat completion{said}") from error
    except ValueError as error:
        raise NoCompletionError("what came is no chat completion, and no JSON") from error
    choice = found.choices[0]
    # an emoji may have been cut in half
    text = (choice.message.content or "").encode("utf-8", "replace").decode()
    filtered = choice.finish_reason == "content_filter" and not text.strip()
    usage = _usage(found.usage, prices)
    if usage is not None:
        return Reply(text, usage, filtered=filtered)
    return Reply(text, estimated(asked, text, prices), estimated=True, filtered=filtered)


def refuse_errors(came: object) -> None:
    """See that what came with status 200 is no error: some proxies send one so.

    Raises:
        NoCompletionError: If it holds an error, beside the choices or in the first of them.
    """
    try:
        found = _WithError.model_validate(came)
    except ValidationError:
        return  # it is no completion either
    for part in (found, *(found.choices or ())[:1]):
        if part.error or part.finish_reason == "error":
            raise NoCompletionError(f"what came is an error: {_said(part.error)}")


def _said(error: object) -> str:
    """What an error says, in a line."""
    text = str(error or "it does not say which")
    if isinstance(error, Mapping):
        text = str(cast("Mapping[str, object]", error).get("message") or text)
    line = " ".join(text.split())
    return line.encode("utf-8", "replace").decode()[:MAX_SAID]


def estimated(asked: str, text: str, prices: Prices | None) -> Usage:
    """About what a call took whose tokens nobody reports; a cost only if there are prices."""
    prompt, completion = max(1, estimate_tokens(asked)), estimate_tokens(text)
    return Usage(1, prompt, 0, completion, cost_of(prices, prompt, 0, completion))


def plausible(prompt: int, completion: int) -> bool:
    """Whether a call may have taken so many tokens; no prompt is empty."""
    return 0 < prompt <= MAX_TOKENS and 0 <= completion <= MAX_TOKENS


def _usage(reported: object, prices: Prices | None) -> Usage | None:
    """What the endpoint counted; None if it did not, or nothing that can be read."""
    try:
        used = _Usage.model_validate(reported)
    except ValidationError:
        return None
    if not plausible(used.prompt_tokens, used.completion_tokens):
        return None
    details = used.prompt_tokens_details
    cached = min((details and details.cached_tokens) or 0, used.prompt_tokens)
    cost = cost_of(prices, used.prompt_tokens, cached, used.completion_tokens)
    return Usage(1, used.prompt_tokens, cached, used.completion_tokens, cost)


def is_quota_spent(status: int | None, body: object) -> bool:
    """Whether an error says that the endpoint wants money, not patience.

    Endpoints say so with 400, 402, 403 and 429.

    Args:
        status: Of HTTP.
        body: Of the error, decoded, without the object around it.
    """
    if status not in _REFUSALS:
        return False
    if status == _PAYMENT_REQUIRED:
        return True
    if not isinstance(body, Mapping):
        return isinstance(body, str) and _SPENT_WORDS.search(body) is not None
    said = cast("Mapping[str, object]", body)
    codes = (str(said.get("code")), str(said.get("type")))
    return (
        any(map(_SPENT_CODE.search, codes))
        or _SPENT_WORDS.search(str(said.get("message"))) is not None
    )
