"""Images, sound and files: a mark, with what can be read of them."""

from __future__ import annotations

import re

from experience_store.submissions.forms.fields import KINDS, remaining, snake_case
from experience_store.submissions.forms.values import (
    Json,
    as_text,
    is_binary,
    is_empty,
    is_list,
    is_object,
    words,
)

_PAYLOADS = words("data bytes file_data b64_json base64 blob image_bytes")
_MIN_IMAGE = 64  # characters; the smallest image has more
_DESCRIPTION = words("detail force_download format identifier media_type mime_type")
_WORD = re.compile(r"[\w.+/-]{0,60}")
_SOURCES = words("base64 bytes file image text url")
_OF_BINARY = words("expires_at id index")  # of interest if there is nothing else to tell it by


def media_mark(kind: str, value: object) -> str:
    """`[kind]`, with the address, the name or the text, if there is one, but no binary data."""
    held = _readable(value)
    if held is None:
        return f"[{kind}]"
    return f"[{kind}: {held}]" if isinstance(held, str) else f"[{kind}] {as_text(held)}"


def _readable(value: object) -> object:
    """What can be read of it; None if nothing can."""
    if is_object(value):
        return _readable_fields(value)
    if is_list(value):
        held = [inner for item in value if (inner := _readable(item)) is not None]
        return held[0] if len(held) == 1 else held or None
    return None if is_empty(value) or is_binary(value, _MIN_IMAGE) else value


def _readable_fields(value: Json) -> object:
    is_text = value.get("type") == "text"  # a document may be plain text
    names = {name: snake_case(name) for name in value}
    binary = {
        name
        for name, known in names.items()
        if known in _PAYLOADS and not is_text and is_binary(value[name], 0)
    }
    held = {
        name: inner
        for name, part in value.items()
        if name not in binary
        and not _is_description(names[name], part, of_binary=bool(binary))
        and (inner := _readable(part)) is not None
    }
    only = next(iter(held.values())) if len(held) == 1 else None
    return only if isinstance(only, str) or is_object(only) else held or None


def _is_description(name: str, value: object, *, of_binary: bool) -> bool:
    """Whether a field says how the data is given, and nothing of what is in it."""
    if name in _OF_BINARY:
        return of_binary and not is_object(value)
    if name in _DESCRIPTION:
        return isinstance(value, bool) or (isinstance(value, str) and bool(_WORD.fullmatch(value)))
    if name in KINDS:
        return isinstance(value, str) and value in _SOURCES
    return remaining(name, value, inline=True) is None
