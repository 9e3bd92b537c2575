"""Parses responses of an endpoint: the text of the model, and the tokens used.

Some proxies and servers send other things than completions with status 200, and the `openai`
package passes them on. A response without an answer is an error; if only the token count is
missing, it is estimated, so that a budget limits such endpoints too.
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

MAX_TOKENS = 10**9  # of one call: far beyond any model, and sums still fit into the database
MAX_ERROR = 300  # characters of an error in a completion
_PAYMENT_REQUIRED = 402
_REFUSALS = range(400, 500)
# Codes, types and messages of errors that mean that money is needed. An exceeded quota may be a
# rate limit, and a prompt or a tool may be about bills: neither counts.
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
    """The response is not a chat completion."""


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
    """The text of the model, and its cost.

    Args:
        body: The decoded JSON of the response; or its text, if it was not labelled as JSON.
        asked: The whole prompt, to estimate tokens if none are reported.
        prices: Prices of the model.

    Raises:
        NoCompletionError: If the response has no answer.
    """
    try:
        came = json.loads(body) if isinstance(body, str) else body
        refuse_errors(came)
        found = _Completion.model_validate(came)
    except ValidationError as error:
        what = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, what["loc"]))
        said = f": {place}: {what['msg']}" if place else ""
        raise NoCompletionError(f"the response is not a chat completion{said}") from error
    except ValueError as error:
        raise NoCompletionError("the response is neither a chat completion nor JSON") from error
    choice = found.choices[0]
    # an emoji may have been cut in half
    text = (choice.message.content or "").encode("utf-8", "replace").decode()
    filtered = choice.finish_reason == "content_filter" and not text.strip()
    usage = _usage(found.usage, prices)
    if usage is not None:
        return Reply(text, usage, filtered=filtered)
    return Reply(text, estimated(asked, text, prices), estimated=True, filtered=filtered)


def refuse_errors(came: object) -> None:
    """Refuse an error that came with status 200, as some proxies send them.

    Raises:
        NoCompletionError: If there is an error next to the choices or in the first one.
    """
    try:
        found = _WithError.model_validate(came)
    except ValidationError:
        return  # it is not a completion either
    for part in (found, *(found.choices or ())[:1]):
        if part.error or part.finish_reason == "error":
            raise NoCompletionError(f"the response is an error: {_message_of(part.error)}")


def _message_of(error: object) -> str:
    """The message of an error, in one line."""
    text = str(error or "no message")
    if isinstance(error, Mapping):
        text = str(cast("Mapping[str, object]", error).get("message") or text)
    line = " ".join(text.split())
    return line.encode("utf-8", "replace").decode()[:MAX_ERROR]


def estimated(asked: str, text: str, prices: Prices | None) -> Usage:
    """The estimated usage of a call; its cost is None without prices."""
    prompt, completion = max(1, estimate_tokens(asked)), estimate_tokens(text)
    return Usage(1, prompt, 0, completion, cost_of(prices, prompt, 0, completion))


def plausible(prompt: int, completion: int) -> bool:
    """Whether a call may have used that many tokens; a prompt is never empty."""
    return 0 < prompt <= MAX_TOKENS and 0 <= completion <= MAX_TOKENS


def _usage(reported: object, prices: Prices | None) -> Usage | None:
    """The usage that the endpoint reports; None if it is missing or invalid."""
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
    """Whether an error means that quota or credit is exhausted, so that waiting is useless.

    Endpoints report this with 400, 402, 403 and 429.

    Args:
        status: HTTP status.
        body: The decoded error object.
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
