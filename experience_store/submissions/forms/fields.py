"""The fields of an object from outside: each is taken by its reader, and what is left is judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    is_empty,
    is_object,
    words,
)

MAX_SHOWN = 60  # characters of a name from outside in an error
PROSE_WORDS, PROSE_LETTERS = 4, 0.8
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_METADATA = words(
    """
    $type annotations avg_logprobs block_type cache_control cache_point call_provider_metadata
    caller channel chunk_position closed content_type cost created date done done_reason
    duration dynamic_ref encrypted_content end_time example finish_reason id index is_error kind
    latency logprobs meta metadata model model_name model_version object outcome part_kind
    part_metadata phase prefix preliminary provider provider_details provider_executed
    provider_metadata provider_name provider_options provider_url redacted_content requestor
    response_metadata result_provider_metadata safety_ratings scope server_label server_name
    service_tier signature source start_time state status step stop_details stop_reason
    stop_sequence system_fingerprint thought_signature time timestamp token_usage tokens train
    turn turn_idx type usage usage_metadata uuid version video_metadata weight
    """
)
_METADATA_ENDS = ("_id", "_ids", "_at", "_ms", "_tokens", "_duration", "_count", "_timestamp")


def snake_case(name: str) -> str:
    """A field's name as Python writes it: `toolCallId` is `tool_call_id`."""
    return _snake_case(name) if len(name) <= MAX_SHOWN else name


@lru_cache(maxsize=1_024)
def _snake_case(name: str) -> str:
    return _HUMP.sub("_", name.strip()).lower()


def _is_metadata(name: str, value: object) -> bool:
    """Whether a field, its name in snake case, is about a message and no part of it."""
    if isinstance(value, str) and _is_prose(value):
        return False
    return name in _METADATA or (name.endswith(_METADATA_ENDS) and not is_object(value))


def _is_prose(text: str) -> bool:
    """Whether a text says something, and is no name, date or signature."""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return len(text.split()) >= PROSE_WORDS and letters >= PROSE_LETTERS * len(text)


class Fields:
    """The fields of an object, by their names in snake case; each can be taken once."""

    def __init__(self, value: Mapping[str, object]) -> None:
        self._left: dict[str, tuple[str, object]] = {}
        for written, inner in value.items():
            name = snake_case(str(written))
            if name in self._left and not is_empty(inner):
                name = self._free(name, inner)
            self._left.setdefault(name, (str(written), inner))

    def take(self, *names: str) -> object:
        """The first of these fields that is not empty; the others stay."""
        for name in names:
            if name in self._left and not is_empty(self._left[name][1]):
                return self._left.pop(name)[1]
        return None

    def pop(self, name: str) -> object:
        """The field as it is, empty or not."""
        return self._left.pop(name, ("", None))[1]

    def has(self, name: str) -> bool:
        """Whether the field is there and not taken yet."""
        return name in self._left

    def among(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are there and not taken yet, in this order."""
        return [name for name in names if name in self._left]

    def rest(self) -> Json:
        """The fields that are left and may hold content, as they were written."""
        return {
            written: value
            for name, (written, value) in self._left.items()
            if not (is_empty(value) or value is False or _is_metadata(name, value))
        }

    def refuse_rest(self, known: Sequence[str], *, otherwise_empty: bool) -> None:
        """Refuse fields that may hold content and are unknown.

        Args:
            known: Fields to suggest.
            otherwise_empty: Whether nothing was read; then a number may be what is missing.

        Raises:
            UnreadableError: If there is such a field.
        """
        for written, value in self.rest().items():
            if otherwise_empty or not isinstance(value, int | float):
                raise UnreadableError(unknown_field(written, known), written[:MAX_SHOWN])

    def _free(self, name: str, inner: object) -> str:
        """The name under which the second of two like-named fields is kept, unless both are one."""
        known = self._left[name][1]
        if is_empty(known):
            del self._left[name]
        return name if is_empty(known) or known == inner else f"{name} (again)"


_MEANT = {
    "content": "answer body completion input observation output reply response result results "
    "utterance value values data payload",
    "tool_calls": "actions calls functions tools_called tool_uses",
    "reasoning": "analysis chain_of_thought cot rationale scratchpad think thoughts",
    "tool_call_id": "call",
}
_BY_MEANING = {other: name for name, others in _MEANT.items() for other in others.split()}


def unknown_field(written: str, known: Sequence[str]) -> str:
    """The refusal of a field, with the one that was probably meant."""
    name = snake_case(written[:MAX_SHOWN])
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    meant = _BY_MEANING.get(name) or next(iter(close), None)
    hint = f"did you mean {meant!r}?" if meant else "it may be part of the message."
    return (
        f"unknown field; {hint} Put what was said into content, calls into tool_calls, and "
        "anything else into the trajectory's metadata"
    )
