"""Redaction: secrets are replaced by their kind before a text is stored.

A secret is recognised by its form, such as `ghp_...` or `AKIA...` (`secret_forms`), or by the name
it is assigned to, as in `password=...` (`secret_names`).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from experience_store.safety.secret_forms import by_form
from experience_store.safety.secret_names import by_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile("[a-z_]{0,24}")  # most texts are names of fields: none is or assigns a secret


def redact(text: str) -> tuple[str, int]:
    """Replace each secret by `[redacted:<kind>]`; returns the text and the number of secrets."""
    parts: list[str] = []
    position = 0
    for start, end, kind in secrets(text):
        parts += [text[position:start], f"[redacted:{kind}]"]
        position = end
    if not parts:
        return text, 0
    return "".join([*parts, text[position:]]), len(parts) // 2


def secret_problem(text: str) -> str | None:
    """Why a text with a secret may not be kept, written for its author; None if it has none."""
    found = next(secrets(text), None)
    return (
        None if found is None else f"it contains what looks like a secret ({found[2]}): remove it"
    )


def distinct(redacted: str, name: str) -> str:
    """A redacted name with a mark of what it was, so that two names stay two."""
    if redacted == name:
        return name
    return f"{redacted} {hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each secret, in order; overlapping ones count as the first."""
    if _WORD.fullmatch(text):
        return
    last: tuple[int, int, str] | None = None
    for start, end, kind in sorted([*by_form(text), *by_name(text)]):
        if last is None:
            last = start, end, kind
        elif start < last[1]:
            last = last[0], max(end, last[1]), last[2]
        else:
            yield last
            last = start, end, kind
    if last:
        yield last
