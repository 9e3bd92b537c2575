"""Hides secrets in the text of a configuration file, before its lines are shown."""

from __future__ import annotations

import re

_NAMES = r"(?:key|token|secret|passw|pwd|pass\b|_pat\b|auth|credential|cookie)"
_REFERENCE = r"(?!(?:Bearer |Basic )?\$)"  # only refers to the secret
_TEXT = r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_QUOTES = re.compile(r"\"\"\"|'''|\"|'")
_NAME = rf"(?<![\w.-])[\w.-]{{0,60}}{_NAMES}"  # anchored, so that long words cost little
_VALUES = re.compile(  # key: "value", and "--key", "value"
    rf"({_NAME}(?!_env_var)[\w.-]{{0,60}}[\"']?[ \t]*[:=]\s*"
    rf"|(?<=[\"'])-[\w-]{{0,60}}{_NAMES}[\w-]{{0,60}}[\"']\s*,\s*)({_TEXT})",
    re.IGNORECASE | re.DOTALL,
)
_PIECES = re.compile(  # in a longer text: "--key=value", "Authorization: value", "Bearer value"
    rf"({_NAME}[\w-]{{0,60}}(?:[ \t]*:[ \t]*(?:Bearer |Basic )?|=)|\bBearer |\bBasic )"
    rf"{_REFERENCE}[^\s\"'&,$][^\s\"'&,]*",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(://[^\s/:@\"']*:)[^\s/@\"']+(?=@)")
_KNOWN = re.compile(r"\b(sk-|gh[a-z]_|github_pat_|xox[a-z]-)[\w-]{4,}")
_ONLY_NAMED = re.compile(r"_env_var[\"']?\s*[:=]\s*[\"']", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with `***` for what looks like a secret; it has as many lines."""
    text = _VALUES.sub(_without_value, text)
    text = _PIECES.sub(r"\1***", text)
    return _KNOWN.sub(r"\1***", _IN_URL.sub(r"\1***", text))


def _without_value(found: re.Match[str]) -> str:
    head, value = found.groups()
    quotes = _QUOTES.match(value)
    assert quotes, "it is a text in quotes"
    inner = value[quotes.end() : -quotes.end()]
    if not inner or _ONLY_NAMED.search(head + quotes[0]) or _is_reference(inner):
        return found[0]
    return head + quotes[0] + "***" + "\n" * inner.count("\n") + quotes[0]


def _is_reference(inner: str) -> bool:
    return re.match(r"(?:Bearer |Basic )?\$\{[^}]*\}$", inner) is not None
