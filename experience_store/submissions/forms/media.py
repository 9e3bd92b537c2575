"""Images, sound and files: a mark, with what can be read of them."""

from __future__ import annotations

from experience_store.submissions.forms.fields import snake_case
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
_DESCRIPTION = words(
    "cache_control detail expires_at format id index kind media_type mime_type part_kind "
    "provider_metadata provider_options type"
)


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
        return (held[0] if len(held) == 1 else held) or None
    return None if is_empty(value) or is_binary(value, _MIN_IMAGE) else value


def _readable_fields(value: Json) -> object:
    is_text = value.get("type") == "text"  # a document may be plain text
    held = {
        name: inner
        for name, part in value.items()
        if (is_text or snake_case(name) not in _PAYLOADS or not is_binary(part, 0))
        and snake_case(name) not in _DESCRIPTION
        and (inner := _readable(part)) is not None
    }
    return next(iter(held.values())) if len(held) == 1 else held or None
