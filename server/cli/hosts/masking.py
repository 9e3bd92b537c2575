"""Hides secrets in the text of a configuration file, before its lines are shown."""

from __future__ import annotations

import re

from experience_store.safety.redaction import secrets
from experience_store.safety.secret_fields import SECRET_NAME

_REFERENCE = r"(?!(?:Bearer |Basic )?\$)"  # only refers to the secret
_TEXT = r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_QUOTES = re.compile(r"\"\"\"|'''|\"|'")
_VALUES = re.compile(  # key: "value", and "--key", "value"
    rf"({SECRET_NAME}[\"']?[ \t]*[:=]\s*|(?<=[\"'])(?=-){SECRET_NAME}[\"']\s*,\s*)({_TEXT})",
    re.IGNORECASE | re.DOTALL,
)
_PIECES = re.compile(  # in a longer text: "--key=value", "Authorization: value", "Bearer value"
    rf"({SECRET_NAME}(?:[ \t]*:[ \t]*(?:Bearer |Basic )?|=)|\bBearer |\bBasic )"
    rf"{_REFERENCE}[^\s\"'&,$][^\s\"'&,]*",
    re.IGNORECASE,
)
_KNOWN = re.compile(r"\b(sk-|gh[a-z]_|github_pat_|xox[a-z]-)[\w-]{4,}")


def masked(text: str) -> str:
    """The text with `***` for what looks like a secret; it has as many lines."""
    text = _VALUES.sub(_without_value, text)
    text = _PIECES.sub(r"\1***", text)
    return _KNOWN.sub(r"\1***", _without_secrets(text))


def _without_secrets(text: str) -> str:
    for start, end, _ in reversed(list(secrets(text))):
        text = text[:start] + _mask(text[start:end]) + text[end:]
    return text


def _mask(value: str) -> str:
    return "***" + "\n" * value.count("\n")


def _without_value(found: re.Match[str]) -> str:
    head, value = found.groups()
    quotes = _QUOTES.match(value)
    assert quotes, "it is a text in quotes"
    inner = value[quotes.end() : -quotes.end()]
    if not inner or _is_reference(inner):
        return found[0]
    return head + quotes[0] + _mask(inner) + quotes[0]


def _is_reference(inner: str) -> bool:
    return re.match(r"(?:Bearer |Basic )?\$\{[^}]*\}$", inner) is not None
