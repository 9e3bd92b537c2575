"""Secrets that are known by value: the keys that a program uses, which may look like anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

REDACTED = "[redacted:api-key]"
_SHORTEST = 8  # characters of a key that is looked for: shorter ones are words, such as "none"


class KnownSecrets:
    """Replaces known secrets in texts, in any form in which they are usually written."""

    def __init__(self, keys: Iterable[str | None]) -> None:
        """Look for keys.

        Args:
            keys: The secrets; None for one that is not set.
        """
        known = {key for key in keys if key is not None and len(key) >= _SHORTEST}
        forms = {form for key in known for form in _forms(key)}
        self._forms = sorted(forms, key=len, reverse=True)  # one may be a part of another

    def redact(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text


def _forms(key: str) -> Iterator[str]:
    """A key as it is, in JSON, in a URL, and within base64."""
    yield from (key, json.dumps(key)[1:-1], quote(key, safe=""))
    said = key.encode("utf-8", "replace")
    for before, first in ((0, 0), (1, 2), (2, 3)):  # bytes before it, whose characters it shares
        own = slice(first, (before + len(said)) * 8 // 6)
        yield base64.b64encode(bytes(before) + said).decode()[own]
        yield base64.urlsafe_b64encode(bytes(before) + said).decode()[own]
