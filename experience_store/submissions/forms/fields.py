"""The fields of an object from outside, and the one rule of what is kept of them.

A reader takes the fields that its form has. Every other one stays readable as a line `name: value`,
unless it is bookkeeping: it says how a message was made, and nothing of what was said, called or
returned. A misspelt field, or one that holds all there is, is refused with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    as_name,
    as_text,
    at,
    data_text,
    from_json_text,
    is_empty,
    is_list,
    is_object,
    is_opaque,
    words,
)

MAX_SHOWN = 60  # characters of a name from outside in an error
PROSE_WORDS, PROSE_LETTERS = 4, 0.8
_MISSPELT = 0.8  # how much like a known name a misspelt one is
_MAX_COMPARED = 50  # fields of a message, which takes time
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Bookkeeping, unless it is text with spaces: what the API counts, and what only it can read.
_OF_THE_API = words(
    "avg_logprobs cache_control cache_point encrypted_content llm_metrics logprobs models_usage "
    "redacted_content safety_ratings signature thought_signature token_usage usage usage_metadata"
)
# ... if the value is a name, a date or a number: ids, times and models
_IDS = words("id index uuid")
_NAMES = words(
    "create_time created date dynamic_ref end_time model model_name model_version provider "
    "provider_name provider_url service_tier start_time system_fingerprint time timestamp "
    "update_time version"
)
_NAME_ENDS = ("_id", "_ids", "_uuid", "_at", "_timestamp")
# ... if the value is a number
_NUMBERS = words("chunk_position cost duration latency step tokens train turn turn_idx weight")
_NUMBER_ENDS = ("_ms", "_tokens", "_usd", "_duration", "eval_count")
# ... if it is true or false
_FLAGS = words(
    "closed done dynamic end_turn example partial prefix preliminary provider_executed "
    "turn_complete wait_for_response"
)
# ... if all went as usual
_STATES = words(
    "channel done_reason error finish_reason is_error outcome recipient requestor source state "
    "status stop_reason"
)
_AS_USUAL = words(
    "all assistant call complete completed done end_turn false final finished "
    "finished_successfully function_call generate input input-available input-streaming ok omitted "
    "output-available partial-call result stop stop_sequence success tool_calls tool_use user"
)
# ... if it is what messages, calls and results are called
KINDS = words("$type block_type content_type kind object part_kind type")
_KNOWN_KINDS = words(
    "ai assistant chat chat.completion chat.completion.chunk chat_message completion constructor "
    "custom default entry function function_call function_call_output human message message.input "
    "message.output message_output_item realtime.item reasoning_item request response "
    "response_item retry-prompt "
    "system text text_completion thread.message tool tool_call tool_call_item "
    "tool_call_output_item tool_calls tool_result tool_use user"
)
# ... if all that is in it is
_CONTAINERS = words(
    "additional_kwargs call_provider_metadata meta metadata metrics part_metadata "
    "provider_details provider_metadata provider_options provider_specific_fields "
    "response_metadata result_provider_metadata tool_call_metadata vendor_metadata"
)
_ENDS = words("done_reason finish_reason stop_reason")
_FAILURES = ("state", "status", "outcome", "is_error", "error")
_ERROR = words("error output-error failed true")  # says no more than that a call failed
_FAILED = _ERROR | words("denied output-denied interrupted retried")
_ENDED = _FAILED | words("output-available result success")


def snake_case(name: str) -> str:
    """A field's name as Python writes it: `toolCallId` is `tool_call_id`."""
    return _snake_case(name) if len(name) <= MAX_SHOWN else name


@lru_cache(maxsize=1_024)
def _snake_case(name: str) -> str:
    return _HUMP.sub("_", name.strip()).lower()


def remaining(name: str, value: object, *, inline: bool = False) -> object:
    """What a field holds that is no bookkeeping; None if nothing.

    Args:
        name: Its name in snake case.
        value: Its value.
        inline: Whether it is among the arguments of a call, where ids and dates are content.
    """
    if name in _CONTAINERS and not inline:
        return _inside(value)
    if _is_nothing(value) or (_is_bookkeeping(name, value, inline=inline) and not _is_prose(value)):
        return None
    return value


def _inside(value: object) -> object:
    """What is no bookkeeping in a container; an object in it is kept whole or not at all."""
    if is_object(value):
        return {n: v for n, v in value.items() if not _is_only_bookkeeping(str(n), v)} or None
    return None if _is_nothing(value) else value


def _is_only_bookkeeping(written: str, value: object) -> bool:
    held = remaining(snake_case(written), value)
    if is_object(held):
        return all(_is_only_bookkeeping(str(n), v) for n, v in held.items())
    return held is None


def _is_nothing(value: object) -> bool:
    """Whether there is no text, number or truth value in it."""
    if is_object(value):
        return all(map(_is_nothing, value.values()))
    return all(map(_is_nothing, value)) if is_list(value) else is_empty(value)


def _is_bookkeeping(name: str, value: object, *, inline: bool) -> bool:
    if name in _OF_THE_API:
        return is_opaque(value) or not isinstance(value, str)
    if name in _STATES and as_text(value).lower() in _AS_USUAL:
        return True
    if name in KINDS and isinstance(value, str) and value in _KNOWN_KINDS:
        return True
    if name in _FLAGS and isinstance(value, bool):
        return True
    found = from_json_text(value)
    if is_object(found) or (is_list(found) and any(is_object(i) or is_list(i) for i in found)):
        return False
    if name in _IDS or inline:
        return name in _IDS
    if isinstance(value, int | float) and (name in _NUMBERS or name.endswith(_NUMBER_ENDS)):
        return True
    return name in _NAMES or name.endswith(_NAME_ENDS)


def lines(fields: Mapping[str, object]) -> str:
    """Fields as text, one a line."""
    return "\n".join(f"{name}: {data_text(value)}" for name, value in fields.items())


def _is_prose(text: object) -> bool:
    """Whether a value is text that says something, and no name, date or signature."""
    if not isinstance(text, str):
        return False
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return len(text.split()) >= PROSE_WORDS and letters >= PROSE_LETTERS * len(text)


def merged(inner: object, beside: Mapping[str, object]) -> Json:
    """An object with the fields beside it, which take no name that it has."""
    held = inner if is_object(inner) else Json()
    return {**{f"{n} (outer)" if n in held else n: v for n, v in beside.items()}, **held}


class Fields:
    """The fields of an object, by their names in snake case; each can be taken once."""

    def __init__(self, value: Mapping[str, object]) -> None:
        self._left: dict[str, tuple[str, object]] = {}
        for written, inner in value.items():
            name = self._free(snake_case(str(written)), inner)
            self._left.setdefault(name, (str(written), inner))

    def take(self, *names: str) -> object:
        """The first of these fields that is not empty; the others stay."""
        found = self._first(names)
        return None if found is None else self.pop(found)

    def pop(self, name: str) -> object:
        """The field as it is, empty or not."""
        return self._left.pop(name, ("", None))[1]

    def has(self, name: str) -> bool:
        """Whether the field is there and not taken yet."""
        return name in self._left

    def among(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are there and not taken yet, in this order."""
        return [name for name in names if name in self._left]

    def name(self, *names: str) -> str | None:
        """The first of these fields that is not empty, as a name or an id.

        Raises:
            UnreadableError: If it is an object or a list.
        """
        found = self._first(names)
        if found is None:
            return None
        written, value = self._left.pop(found)
        with at(written[:MAX_SHOWN]):
            return as_name(value)

    def is_failure(self) -> bool:
        """Whether a result says that its call failed; what says no more than that is taken."""
        states = {name: self._state(name) for name in _FAILURES}
        for name in (name for name, state in states.items() if state in _ERROR):
            self.pop(name)
        return any(state in _FAILED for state in states.values())

    def is_ended(self) -> bool:
        """Whether a call says that it was carried out."""
        return any(self._state(name) in _ENDED for name in _FAILURES)

    def rest(self, *, inline: bool = False) -> Json:
        """The fields that are left and no bookkeeping, as they were written.

        Args:
            inline: Whether they are the arguments of a call.
        """
        return {
            written: held
            for name, (written, value) in self._left.items()
            if (held := remaining(name, value, inline=inline)) is not None
        }

    def rest_text(self) -> str:
        """The fields that are left, one a line."""
        return lines(self.rest())

    def checked_rest_text(self, known: Sequence[str], *, otherwise_empty: bool) -> str:
        """The fields that are left, one a line.

        Args:
            known: Fields to suggest.
            otherwise_empty: Whether nothing else was read.

        Raises:
            UnreadableError: If a field is misspelt, or what the message says may be in it.
        """
        rest = self.rest()
        if otherwise_empty:  # that an answer was cut says nothing if it is empty
            rest = {n: v for n, v in rest.items() if snake_case(n) not in _ENDS}
        for written in list(rest)[:_MAX_COMPARED]:
            name = snake_case(written[:MAX_SHOWN])
            if otherwise_empty or get_close_matches(name, known, n=1, cutoff=_MISSPELT):
                raise UnreadableError(unknown_field(written, known), written[:MAX_SHOWN])
        return lines(rest)

    def _state(self, name: str) -> str:
        return as_text(self._left[name][1]).lower() if name in self._left else ""

    def _first(self, names: Iterable[str]) -> str | None:
        """The first of these names whose field is not empty."""
        left = self._left
        return next((n for n in names if n in left and not is_empty(left[n][1])), None)

    def _free(self, name: str, inner: object) -> str:
        """The name under which the second of like-named fields is kept, unless both are one."""
        while name in self._left and not is_empty(inner):
            known = self._left[name][1]
            if is_empty(known):
                del self._left[name]
            elif known == inner and type(known) is type(inner):
                return name
            else:
                name = f"{name} (again)"
        return name


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
    close = get_close_matches(name, (k for k in known if k != name), n=1, cutoff=0.6)
    meant = _BY_MEANING.get(name) or next(iter(close), None)
    hint = f"did you mean {meant!r}?" if meant else "it may be part of the message."
    return (
        f"unknown field; {hint} Put what was said into content, calls into tool_calls, and "
        "anything else into the trajectory's metadata"
    )
