"""Secrets are taken out of a text before it is stored, and their kinds put in their place.

A secret is known by how it begins (`prefixes`) or by what it is called (`assignments`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experience_store.safety.secret_names import by_name
from experience_store.safety.secret_prefixes import by_beginning

if TYPE_CHECKING:
    from collections.abc import Iterator


def redact(text: str) -> tuple[str, int]:
    """The text with `[redacted:<kind>]` in the place of each secret, and how many there were."""
    parts: list[str] = []
    position = 0
    for start, end, kind in secrets(text):
        parts += [text[position:start], f"[redacted:{kind}]"]
        position = end
    if not parts:
        return text, 0
    return "".join([*parts, text[position:]]), len(parts) // 2


def secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Where the secrets are, in order. Those that overlap are one, of the first one's kind."""
    last: tuple[int, int, str] | None = None
    for start, end, kind in sorted([*by_beginning(text), *by_name(text)]):
        if last is None:
            last = start, end, kind
        elif start < last[1]:
            last = last[0], max(end, last[1]), last[2]
        else:
            yield last
            last = start, end, kind
    if last:
        yield last
