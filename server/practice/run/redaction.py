"""What a run keeps and prints, without secrets.

The same redaction as the store's, so that what a run submits is what its journal holds. The keys
that the run itself uses are known by value: endpoints repeat them in their errors, and a key of a
local endpoint need not look like one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from pydantic import JsonValue

from experience_store.safety.known_secrets import KnownSecrets
from experience_store.safety.redaction import redact
from server.practice.records import JournalRecord

_MARK = "[redacted:"

R = TypeVar("R", bound=JournalRecord)


class Redactor:
    """Replaces secrets by `[redacted:kind]`."""

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        """Redact by pattern, and what is known.

        Args:
            known: Keys that the run uses; None for one that is not set.
        """
        self._known = KnownSecrets(known)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return redact(self._known.redact(text))[0]

    def json(self, value: JsonValue) -> JsonValue:
        """The value, with every text in it redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.json(item) for key, item in value.items()}
        return value

    def record(self, record: R) -> R:
        """The record, with every text in it redacted; the same one if it holds no secret."""
        values = cast("JsonValue", record.model_dump(mode="json"))
        kept = self.json(values)
        return record if kept == values else type(record).model_validate(kept)


def is_redacted(record: JournalRecord) -> bool:
    """Whether a record may be less than what was said, because secrets were taken out of it."""
    return _MARK in record.model_dump_json()
