"""Secrets among settings: headers, environment variables, options, and fields of JSON.

A setting says by its name whether its value is secret, and then any value is, be it a word. That is
more than prose allows: there, `secret_names` asks the value as well.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import cast

from experience_store.safety.redaction import secrets

_WORDS = (
    r"(?:(?<!mon)key(?!board|word|stroke|s\b)|token(?!s\b|i[sz])|secret|passw|passphrase"
    r"|pass(?![a-z])|pwd|(?<![a-z])(?:pat|pw|jwt|dsn|sig)(?![a-z])|auth(?!or(?!i[sz]))|credential"
    r"|creds?(?![a-z])|cookie|signature)"
)
_ABOUT = (  # a secret, and does not hold it: what ends a name
    r"(?:mode|type|method|scheme|ur[il]|endpoint|path|file|dir|folder|name|id|env(?:_?vars?)?"
    r"|provider|header|sock|ttl|expir\w*|length|size|count|limit|budget|enabled|required)s?"
)
# The name of a secret, for larger patterns; to be matched whatever its case.
SECRET_NAME = (
    rf"(?<![\w.-])(?![\w.-]{{0,120}}(?:[_.-]|(?<=[a-z])){_ABOUT}(?![\w.-]))"
    rf"[\w.-]{{0,60}}?{_WORDS}[\w.-]{{0,60}}"
)
_NAME = re.compile(SECRET_NAME, re.IGNORECASE)
# letters and digits together, without what paths and sentences have
_LIKE_A_KEY = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+_=-]{16,}")
_SCHEME = re.compile(r"(?:bearer|basic|token|apikey|key|digest)[ \t]+(?=\S)", re.IGNORECASE)
_PIECE = re.compile(  # of a longer value: `token=...`, `Authorization: Bearer ...`, JSON
    r"(?<![\w.-])(?=(?P<name>[\w.-]{1,120})[\"']?[ \t]*[=:][ \t]*[\"']?"
    r"(?P<value>(?:(?:bearer|basic|token) )?[^\s&;,\"']{1,1024})(?:$|[&;,\"'\n]))",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:~?/|\.{1,2}/|[A-Za-z]:\\)[\w./\\ -]*")
_REFERENCE = re.compile(r"(?:bearer |basic )?[$%{<].*", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether what is called so is secret: `api_key`, `Authorization`, `--token`, `DB_PASSWORD`."""
    return _NAME.fullmatch(name.strip()) is not None


def secret_values(value: object, name: str = "") -> Iterator[str]:
    """The secrets in a setting, as they would appear in other texts.

    Args:
        value: Decoded JSON, such as an object of headers, or the arguments of a command.
        name: What it is called.
    """
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[object, object]", value).items():
            yield from secret_values(inner, str(key))
    elif isinstance(value, list | tuple):
        flag = ""  # of a command line: its value is the next argument
        for inner in cast("list[object]", value):
            yield from secret_values(inner, flag or name)
            flag = inner if isinstance(inner, str) and inner.startswith("-") else ""
    elif isinstance(value, str):
        yield from _in_text(value, is_named=is_secret_name(name))


def _in_text(value: str, *, is_named: bool) -> Iterator[str]:
    """The secrets in one value; all of it is one if its name says so."""
    for start, end, _ in secrets(value):
        yield value[start:end]
        yield from _password(value[start:end])
    for piece in _PIECE.finditer(value):
        if is_secret_name(piece["name"]):
            yield from _credentials(piece["value"])
    if is_named or _LIKE_A_KEY.fullmatch(value):
        yield from _credentials(value)


def _credentials(value: str) -> Iterator[str]:
    """A secret value, also without its authorization scheme; nothing if it only refers to one."""
    if _PATH.fullmatch(value) or _REFERENCE.fullmatch(value):
        return
    yield value
    if scheme := _SCHEME.match(value):
        yield value[scheme.end() :]
        yield from _password(_decoded(value[scheme.end() :]))


def _password(credentials: str) -> Iterator[str]:
    """The password of `user:password`."""
    if ":" in credentials:
        yield credentials.partition(":")[2]


def _decoded(credentials: str) -> str:
    """HTTP's basic credentials; empty if they are none."""
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
