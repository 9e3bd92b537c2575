"""The value of a stretch of JSON, mended where that loses nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import cast

from experience_store.errors import AnswerRefusedError
from experience_store.learning.json_text.bounds import (
    MAX_DIGITS,
    MAX_REPAIRED_CHARS,
    MAX_REPAIRED_OBJECTS,
    ONE_OBJECT,
    WELL_FORMED,
    too_many_digits,
)
from experience_store.learning.json_text.regions import Region


def decode(region: Region, expected: Collection[str]) -> object:
    """The value of a region, repaired if need be; None if it was no JSON after all.

    Braces in prose may read like malformed JSON. They are passed over where an object was
    expected and none of its keys is in them.
    """
    try:
        return _filled(_parsed(region), region.strings)
    except AnswerRefusedError:
        texts = {region.source, *region.strings.values()}
        if region.source[0] == "[" or not expected or any(k in t for k in expected for t in texts):
            raise
        return None


def _parsed(region: Region) -> object:
    try:
        return cast("object", _DECODER.decode(region.source))
    except ValueError:
        return _repaired(region)


def _repaired(region: Region) -> object:
    source = region.source
    if len(source) > MAX_REPAIRED_CHARS or source.count("{") > MAX_REPAIRED_OBJECTS:
        raise AnswerRefusedError(f"The JSON is malformed and too long to be mended. {WELL_FORMED}")
    import json_repair  # noqa: PLC0415  # 70 ms that a well-formed answer does not cost

    try:
        value = cast("object", json_repair.loads(source, skip_json_loads=True))
    except (ValueError, RecursionError):
        return None
    if _inventory(value) != (source.count("{"), source.count(":"), sorted(region.strings)):
        raise AnswerRefusedError(
            f"The JSON is malformed and could not be mended without loss. {WELL_FORMED}"
        )
    return value


def _inventory(value: object) -> tuple[int, int, list[str]]:
    """How many objects and keys a repaired value has, and its placeholders.

    An empty string counts as a placeholder that stands for nothing: it is the repair's invention.
    """
    nodes = list(_nodes(value))
    objects = [cast("dict[str, object]", node) for node in nodes if isinstance(node, dict)]
    keys = [key for found in objects for key in found]
    texts = keys + [node for node in nodes if isinstance(node, str)]
    return len(objects), len(keys), sorted(text for text in texts if text[:1] in {"@", ""})


def _nodes(value: object) -> Iterator[object]:
    """Each value within a decoded value, itself included."""
    yield value
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value).values())
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _nodes(item)


def _filled(value: object, strings: dict[str, str]) -> object:
    """The value with its strings in the place of their placeholders."""
    match value:
        case str():
            return strings.get(value, value)
        case list():
            return [_filled(item, strings) for item in cast("list[object]", value)]
        case dict():
            filled: dict[str, object] = {}
            for placeholder, item in cast("dict[str, object]", value).items():
                key = strings.get(placeholder, placeholder)
                if key in filled:
                    raise AnswerRefusedError(
                        f"The key {key[:40]!r} occurs twice in one object. {ONE_OBJECT}, each "
                        "key once."
                    )
                filled[key] = _filled(item, strings)
            return filled
        case _:
            return value


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise too_many_digits()
    return int(digits)


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)
