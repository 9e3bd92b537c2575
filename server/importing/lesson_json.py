"""Reads lessons in JSON: texts or objects, in a list or by their ids, perhaps in a field.

Youtu-Agent writes `{"G0": "text"}`; others a list of texts, or of objects with a text and a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from experience_store.errors import BadInputError
from experience_store.operations import Add
from server.importing.chat import as_text
from server.importing.fields import Json, as_list, as_object, first, listed
from server.importing.json_text import read_values
from server.importing.lessons import Lessons, Skipped, lesson

TEXT_FIELDS = (
    *("text", "content", "lesson", "insight", "experience", "strategy", "rule", "description"),
    *("memory", "advice", "value"),
)
NAME_FIELDS = ("name", "title", "topic")
_HOLDERS = (
    *("experiences", "lessons", "insights", "playbook", "bullets", "rules", "strategies"),
    *("memories", "memory", "items", "data"),
)
_ID = re.compile(r"\W*[A-Za-z]{0,5}[-_ ]?\d+\W*|[0-9a-fA-F-]{16,}")


def read_lesson_json(text: str) -> Lessons:
    """The lessons in a JSON document, or in JSON lines.

    Raises:
        BadInputError: If it is not JSON, or has no lessons; says which forms there are.
    """
    values = read_values(text.removeprefix("\ufeff").encode())
    value = values[0] if len(values) == 1 else values
    outer = as_object(value) or {}
    holders = _holders(outer)
    additions: list[Add] = []
    skipped: list[Skipped] = []
    for place, key, item in _items("", {name: outer[name] for name in holders} or value):
        found = _lesson(key, item)
        if found is None:
            skipped.append(Skipped(place, as_text(item)))
        else:
            additions.append(found)
    if not additions:
        raise BadInputError(_no_lessons(value))
    library = outer.get("library") if holders else None
    return Lessons(
        additions=tuple(additions),
        skipped=(*skipped, *_beside(outer if holders else {}, holders)),
        library=library if isinstance(library, str) else None,
    )


def _holders(outer: Json) -> tuple[str, ...]:
    """The fields that hold the lessons, where the document is more than these."""
    known = next((n for n in _HOLDERS if as_list(outer.get(n)) or as_object(outer.get(n))), None)
    if known is not None:
        return (known,)
    return tuple(name for name, value in outer.items() if as_list(value))


def _items(place: str, held: object) -> Iterator[tuple[str, str, object]]:
    """The items that may be lessons: place, key if they have one, and the item."""
    for number, item in enumerate(as_list(held) or ()):
        yield f"{place}[{number}]", "", item
    for key, item in (as_object(held) or {}).items():
        within = f"{place}.{key}" if place else key
        if as_list(item) is not None or (not place and key in _HOLDERS):
            yield from _items(within, item)
        else:
            yield within, key, item


def _lesson(key: str, item: object) -> Add | None:
    name = "" if _ID.fullmatch(key) else key
    if isinstance(item, str):
        return lesson(item, name) if item.strip() else None
    fields = as_object(item) or {}
    text = first(fields, TEXT_FIELDS)
    if text is None or not isinstance(fields[text], str):
        return None
    named = first(fields, NAME_FIELDS)
    return lesson(str(fields[text]), as_text(fields[named]) if named else name)


def _beside(outer: Json, holders: tuple[str, ...]) -> Iterator[Skipped]:
    """What the document has beside its lessons."""
    for name, value in outer.items():
        if name not in {*holders, "library", "version"} and value:
            yield Skipped(name, as_text(value))


def _no_lessons(value: object) -> str:
    found = as_object(value)
    has = f"; its fields are {listed(list(found))}" if found else ""
    return (
        'has no experiences: give {"G1": "text", …}, a list of texts, or a list of objects with '
        f"text and name{has}"
    )
