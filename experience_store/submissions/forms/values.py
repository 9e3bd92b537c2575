"""JSON values: out of text that holds them, as text to store, and those that cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias, TypeGuard, cast

from experience_store.submissions.clean_text import only_item

Json: TypeAlias = dict[str, object]

_OPAQUE = frozenset({"encrypted_content", "encrypted_index"})  # only the API can read them
_ENCODED = 3  # times that a value may be encoded as JSON
_MIN_BINARY = 256  # characters; ids and hashes are shorter
_FEW = 20  # kinds of characters; base64 has 64, a genome 4
_FENCED = re.compile(r"\s*```[a-z]*\n(?P<inner>.*)```\s*", re.DOTALL)  # a block of Markdown
_DATA_URI = re.compile(r"data:[^,\s]{0,200};base64,")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+=*")


class UnreadableError(ValueError):
    """A value cannot be read without loss.

    Attributes:
        place: Where in the value, from the outside in.
    """

    def __init__(self, problem: str, *place: str | int) -> None:
        super().__init__(problem)
        self.place = place


@contextmanager
def at(*place: str | int) -> Generator[None]:
    """Says of what cannot be read where it is."""
    try:
        yield
    except UnreadableError as error:
        raise UnreadableError(str(error), *place, *error.place) from error


def words(text: str) -> frozenset[str]:
    """The words of a text: a table that is easily read."""
    return frozenset(text.split())


def is_object(value: object) -> TypeGuard[Json]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    """Whether it is a JSON array."""
    return isinstance(value, list | tuple)


def is_empty(value: object) -> bool:
    """Whether it holds nothing; zero and false are values."""
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def from_json_text(value: object) -> object:
    """The object or list in a JSON text, also if it was encoded twice; anything else as it is."""
    found = value
    for _ in range(_ENCODED):
        if not isinstance(found, str) or found.lstrip()[:1] not in {"[", "{", '"'}:
            break
        try:
            found = cast("object", json.loads(found))
        except (ValueError, RecursionError):
            break
    return found if is_object(found) or is_list(found) else value


def from_list_text(value: object) -> object:
    """The list or object in a JSON text, also in a block of code or with an object in each line.

    Raises:
        UnreadableError: If it is text that seems to be JSON and is not valid.
    """
    fenced = _FENCED.fullmatch(value) if isinstance(value, str) else None
    found = from_json_text(fenced["inner"] if fenced else value)
    if not isinstance(found, str) or found.lstrip()[:1] not in {"[", "{"}:
        return found
    lines = [from_json_text(line) for line in found.splitlines() if line.strip()]
    if found.lstrip().startswith("{") and all(map(is_object, lines)):
        return lines
    raise UnreadableError("is text that is not valid JSON, perhaps cut: give the list itself")


def as_list(value: object) -> list[object]:
    """A list, also given as JSON text or as its only item."""
    found = from_json_text(value)
    if is_list(found):
        return list(found)
    return [] if is_empty(found) or found == "null" else [found]


def unnested(value: object) -> object:
    """A list of objects that stands alone in another list; anything else as it is."""
    inner = value[0] if is_list(value) and len(value) == 1 else None
    return inner if is_list(inner) and any(map(is_object, inner)) else value


def as_text(value: object) -> str:
    """Text as it is, nothing as empty text, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def as_name(value: object) -> str | None:
    """A name or an id, which may be a number; None if it is blank.

    Raises:
        UnreadableError: If it is an object or a list.
    """
    value = only_item(value)
    if not is_empty(value) and (is_object(value) or is_list(value)):
        raise UnreadableError("must be a name or an id: give text or a number")
    if is_empty(value):
        return None
    return as_text(value).strip() or None


def data_text(value: object) -> str:
    """Data as text, with a mark for each binary value."""
    return as_text(_without_binary(value))


def is_binary(value: object, longer_than: int = _MIN_BINARY) -> bool:
    """Whether it is binary data, as bytes or as text in base64.

    Args:
        value: Any value.
        longer_than: Characters up to which a text is taken for a word or an id.
    """
    if not isinstance(value, str):
        return isinstance(value, bytes | bytearray)
    if _DATA_URI.match(value):
        return True
    if len(value) <= longer_than or not _BASE64.fullmatch(value):
        return False
    return longer_than < _MIN_BINARY or len(set(value)) > _FEW


def is_opaque(value: object) -> bool:
    """Whether it may be encrypted: text without spaces."""
    return isinstance(value, str) and not any(map(str.isspace, value))


def _without_binary(value: object) -> object:
    if is_object(value):
        return {k: _without_binary(v) for k, v in value.items() if k not in _OPAQUE}
    if is_list(value):
        return [_without_binary(item) for item in value]
    if is_binary(value):
        return "[binary data]"
    return value
