"""Reads what an endpoint says in place of an answer, whatever its shape, and what that means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, cast

from experience_store.safety.redaction import redact

Meaning: TypeAlias = Literal["quota", "forbidden", "refused", "unavailable"]

MAX_SAID = 600  # characters of what an endpoint said that are passed on
FORBIDDEN = frozenset({401, 403, 404})  # the API key or the model name is wrong
REFUSED = frozenset({400, 405, 413, 414, 415, 422, 501})  # what was asked, or how
_PAYMENT_REQUIRED = 402
_REFUSALS = range(400, 500)
_SERVER_ERRORS = range(500, 600)
# Codes, types and messages of errors that mean that money is needed. An exceeded quota may be a
# rate limit, and a prompt or a tool may be about bills: neither counts.
_SPENT_CODE = re.compile(
    r"^(?:billing_|exceeded_current_quota|insufficient_\w*(?:quota|balance|credits?|funds)"
    r"|budget_exceeded|arrearage|\w*payment_required)",
    re.IGNORECASE,
)
_SPENT_WORDS = re.compile(
    r"credit balance|plans (?:&|and) billing|(?:your|enable) billing|in arrears|payment required"
    r"|(?:included|available|prepaid) credits|spending limit|budget (?:has been )?exceeded"
    r"|key limit exceeded|monthly quota|balance is (?:insufficient|too low|not enough)"
    r"|billing (?:(?:hard )?limit|is|not|account|to be enabled)"
    r"|(?:insufficient|not enough|out of) (?:account )?(?:credits?|balance|funds)\b"
    r"|\u4f59\u989d\u4e0d\u8db3|\u6b20\u8d39",  # the balance is too low, in arrears
    re.IGNORECASE,
)
_CODES = ("code", "type", "status", "status_code")
_MESSAGES = (
    *("message", "msg", "detail", "details", "error", "errors", "title", "description", "reason"),
    *("raw", "status_msg", "error_msg", "errorMessage", "error_message", "faultstring", "fault"),
    *("base_resp", "header", "innererror", "metadata"),
)
_PLACES = ("loc", "param", "field")
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{1,500}>")


def said_in(body: object) -> str:
    """What a response says, in one line: its messages if it has some, or else all of it.

    Args:
        body: Its text, or decoded JSON.
    """
    value = _decoded(body)
    if isinstance(value, str):
        title = _TITLE.search(value)
        text = title[1] if title else _TAG.sub(" ", value) if "<html" in value.lower() else value
    else:
        told = list(dict.fromkeys(_messages(value)))
        text = "; ".join(told) if told else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split()).encode("utf-8", "replace").decode()
    line = redact(line)[0]
    if not line or line in {"null", "{}", "[]", '""'}:
        return "it says no more"
    return line if len(line) <= MAX_SAID else f"{line[: MAX_SAID - 1]}…"


def error_in(body: object) -> str | None:
    """What the error says that a response with status 200 holds; None if it holds none."""
    error = _error(body)
    return None if error is None else said_in(error)


def status_in(body: object) -> int | None:
    """The status that a response with status 200 should have had; None if it holds no error."""
    error = _error(body)
    if error is None:
        return None
    for code in _codes(error):
        if code.isdecimal() and (int(code) in _REFUSALS or int(code) in _SERVER_ERRORS):
            return int(code)
    return 402 if is_quota_spent(400, error) else 502


def is_quota_spent(status: int | None, body: object) -> bool:
    """Whether an error means that quota or credit is exhausted, so that waiting is useless.

    Endpoints report this with 400, 402, 403 and 429.

    Args:
        status: HTTP status.
        body: The response's text, or decoded JSON.
    """
    if status not in _REFUSALS:
        return False
    if status == _PAYMENT_REQUIRED:
        return True
    value = _decoded(body)
    words = value if isinstance(value, str) else " ".join(_messages(value))
    return any(map(_SPENT_CODE.search, _codes(value))) or _SPENT_WORDS.search(words) is not None


def meaning_of(status: int | None, body: object) -> Meaning:
    """What an error means: for the endpoint (`quota`, `forbidden`), for what was asked, or for now.

    Args:
        status: HTTP status; None if there was no answer.
        body: The response's text, or decoded JSON.
    """
    if is_quota_spent(status, body):
        return "quota"
    if status in REFUSED:
        return "refused"
    return "forbidden" if status in FORBIDDEN else "unavailable"


def _decoded(body: object) -> object:
    if not isinstance(body, str):
        return body
    try:
        return cast("object", json.loads(body))
    except (ValueError, RecursionError):
        return body


def _error(body: object) -> object:
    """The error that a response holds in place of an answer, or beside one; None for none."""
    if not isinstance(body, Mapping):
        return None
    found = cast("Mapping[str, object]", body)
    choices = found.get("choices")
    first = cast("list[object]", choices)[:1] if isinstance(choices, list) else []
    for part in (found, *first):
        if not isinstance(part, Mapping):
            continue
        holder = cast("Mapping[str, object]", part)
        error = holder.get("error")
        if error and not _says_nothing(error):
            return error
        if holder.get("finish_reason") == "error":
            return {"message": "the response is an error, without a message"}
    if not choices and (found.get("object") == "error" or _is_bare_error(found)):
        return found
    return None


def _says_nothing(error: object) -> bool:
    """Whether an error's fields are all empty: some gateways send one beside every answer."""
    return isinstance(error, Mapping) and not any(cast("Mapping[str, object]", error).values())


def _is_bare_error(body: Mapping[str, object]) -> bool:
    """Whether it has a message in place of a completion."""
    return any(_messages(body))


def _messages(value: object) -> Iterator[str]:
    """The messages in a decoded error, outermost first, each with the place that it is about."""
    match value:
        case str() if value.strip():
            inner = _decoded(value)
            if isinstance(inner, Mapping | list):
                yield from _messages(cast("object", inner))
            else:
                yield value.strip()
        case list():
            for item in cast("list[object]", value):
                yield from _messages(item)
        case Mapping():
            error = cast("Mapping[str, object]", value)
            place = next((_place(error[name]) for name in _PLACES if error.get(name)), "")
            for name in _MESSAGES:
                for message in _messages(error.get(name)):
                    yield f"{place}: {message}" if place and place not in message else message
        case _:
            pass


def _place(value: object) -> str:
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    return ".".join(str(part) for part in parts)


def _codes(value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    error = cast("Mapping[str, object]", value)
    yield from (str(error[name]) for name in _CODES if error.get(name) is not None)
    yield from _codes(error.get("error"))
