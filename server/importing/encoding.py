"""Text in files: UTF-8, or UTF-16 as spreadsheets write it."""

from __future__ import annotations

import json

from experience_store.errors import BadInputError

_BOM = "\ufeff"


def is_utf16(start: bytes) -> bool:
    """Whether a text that begins so has several bytes for each of its first characters."""
    return not json.detect_encoding(start).startswith("utf-8")


def decoded(data: bytes) -> str:
    """The text, without a byte order mark.

    Raises:
        BadInputError: If it is in another encoding; names the line and how to convert it.
    """
    encoding = json.detect_encoding(data[:4])
    try:
        return data.decode("utf-8" if encoding.startswith("utf-8") else encoding).removeprefix(_BOM)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInputError(
            f"is not UTF-8 (line {line}); save it as UTF-8, or convert it with "
            "`iconv -f WINDOWS-1252 -t UTF-8 FILE`"
        ) from error
