"""Reads lessons in data: texts, or objects with a text, in lists or by their names.

Where a field says when a lesson holds, or what it is about, that becomes part of it. Its other
fields are not kept, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from experience_store.errors import BadInputError
from experience_store.operations import Add
from experience_store.submissions.forms.values import is_empty, words
from server.importing.chat import as_text
from server.importing.fields import Json, as_list, as_object, bare_name, listed
from server.importing.lessons import Lessons, Skipped, lesson, says_nothing

TEXT_FIELDS = (
    *("text", "content", "lesson", "insight", "experience", "strategy", "rule", "memory"),
    *("advice", "guideline", "principle", "learning", "takeaway", "recommendation", "instruction"),
    *("action", "tip", "fact", "note", "reflection", "solution", "observation", "observations"),
    *("body", "pagecontent", "document", "value", "answer", "description", "summary"),
)
_ABOUT_ALL = ("description", "summary")  # of what is in a list beside them
_HOLDERS = (
    *("experiences", "lessons", "insights", "playbook", "bullets", "rules", "strategies"),
    *("memories", "memory", "facts", "blocks", "guidelines", "learnings", "principles"),
    *("documents", "sections", "results", "items", "entries", "data"),
)
_NAME_FIELDS = ("name", "title", "topic", "heading", "label", "key")
_ABOUT_FIELDS = ("category", "domain", "section", "area")
_WHEN_FIELDS = ("when", "if", "condition", "trigger", "appliesto", "usecase")
_SITUATION_FIELDS = ("situation", "context", "scenario", "problem", "task", "question")
_CONJUNCTIONS = words(
    """
    after as at before because by during for given if in on once since unless until upon when
    whenever where while with
    """
)
_OBJECTIVES = ("agent_objective", "learning_objective")
_ID = re.compile(r"\W*[A-Za-z]{0,5}[-_ ]?\d+\W*|[0-9a-fA-F-]{16,}")
_Found: TypeAlias = Add | Skipped


def read_lesson_values(values: Sequence[object]) -> Lessons:
    """The lessons in the values of a document, or of several.

    Raises:
        BadInputError: If there are none; says which forms there are.
    """
    value = values[0] if len(values) == 1 else list(values)
    outer = as_object(value) or {}
    is_whole = _text_field(outer) or (not _known_holders(outer) and _holds_lessons("", outer))
    holders = () if is_whole else _holders(outer)
    about = {n: outer[n] for n in ("library", *_OBJECTIVES) if holders and _said(outer, n)}
    rest = {n: v for n, v in outer.items() if holders and n not in {*holders, *about, "version"}}
    reader = _Reader()
    found = list(reader.read("", {n: outer[n] for n in holders} or value))
    if not any(isinstance(f, Add) for f in found):
        raise BadInputError(_no_lessons(value))
    return Lessons(
        additions=tuple(f for f in found if isinstance(f, Add)),
        skipped=(
            *(f for f in found if isinstance(f, Skipped)),
            *(Skipped(n, as_text(v)) for n, v in rest.items() if not is_empty(v)),
        ),
        left_out=tuple(reader.left_out.items()),
        **{name: str(text) for name, text in about.items()},
    )


class _Reader:
    """Reads values, and counts the fields that it does not keep."""

    def __init__(self) -> None:
        self.left_out = Counter[str]()

    def read(
        self, place: str, value: object, context: tuple[str, ...] = (), name: str = ""
    ) -> Iterator[_Found]:
        """The lessons in a value, and what in it is none.

        Args:
            place: Where it is, such as `rules[2]`; empty for the whole.
            value: Any JSON value.
            context: What it stands under.
            name: Its name, if it has one.
        """
        fields, items = as_object(value), as_list(value)
        if isinstance(value, str) and value.strip() and not _ID.fullmatch(value):
            yield lesson(value, name, context)
        elif items is not None:
            for number, item in enumerate(items):
                yield from self.read(f"{place}[{number}]", item, context, name)
        elif fields and "role" in fields:  # a chat message
            yield Skipped(place, as_text(value))
        elif fields and (field := _text_field(fields)) is not None:
            yield from self._of_fields(place, fields, (field,), (*context, name))
        elif fields and (not place or _holds_lessons(place, fields)):
            yield from self._within(place, fields, context)
        elif fields and (holders := _holders(fields)):
            yield from self._of_fields(place, fields, holders, context)
        elif not is_empty(value):
            yield Skipped(place, as_text(value))

    def _within(self, place: str, fields: Json, context: tuple[str, ...]) -> Iterator[_Found]:
        """The lessons in an object whose fields each hold some."""
        for key, item in fields.items():
            within = f"{place}.{key}" if place else key
            is_label = not (_ID.fullmatch(key) or says_nothing(key) or bare_name(key) in _HOLDERS)
            yield from self.read(within, item, (*context, key) if is_label else context)

    def _of_fields(
        self, place: str, fields: Json, holders: tuple[str, ...], context: tuple[str, ...]
    ) -> Iterator[_Found]:
        """The lessons in fields of an object, with what its other fields say about them."""
        name, about = _first(fields, _NAME_FIELDS), _first(fields, _ABOUT_FIELDS)
        condition = _first(fields, (*_WHEN_FIELDS, *_SITUATION_FIELDS))
        used = {*holders, name, about, condition}
        self.left_out.update(k for k, v in fields.items() if k not in used and not is_empty(v))
        around = (*context, *((str(fields[about]),) if about else ()))
        for holder in holders:
            held = fields[holder]
            if condition is not None:
                held = _under(condition, str(fields[condition]).strip(), held)
            within = f"{place}.{holder}" if place else holder
            yield from self.read(within, held, around, str(fields[name]) if name else "")


def _text_field(fields: Json) -> str | None:
    """The field with the lesson itself."""
    found = next((n for t in TEXT_FIELDS for n in _spelt(fields, t) if _is_text(fields[n])), None)
    is_about_all = found is not None and bare_name(found) in _ABOUT_ALL
    return None if is_about_all and _holders(fields) else found


def _is_text(value: object) -> bool:
    """Whether this is a lesson's text, or several."""
    if (items := as_list(value)) is not None:
        return bool(items) and all(isinstance(item, str) for item in items)
    if (inner := as_object(value)) is not None:
        return _text_field(inner) is not None
    return isinstance(value, str) and bool(value.strip())


def _holders(fields: Json) -> tuple[str, ...]:
    """The fields that hold lessons, where an object is more than these."""
    return _known_holders(fields) or tuple(n for n, value in fields.items() if as_list(value))


def _known_holders(fields: Json) -> tuple[str, ...]:
    found = (n for name in _HOLDERS for n in _spelt(fields, name))
    return tuple(n for n in found if as_list(fields[n]) or as_object(fields[n]))


def _holds_lessons(place: str, fields: Json) -> bool:
    """Whether each field of an object holds a lesson, or several."""
    if all(isinstance(value, list | dict) for value in fields.values()):
        return True
    is_mapping = not place.endswith("]") or all(_ID.fullmatch(key) for key in fields)
    return is_mapping and all(isinstance(value, str) for value in fields.values())


def _under(field: str, condition: str, held: object) -> object:
    """What a field holds, each text with the condition under which it holds."""
    if (items := as_list(held)) is not None:
        return [_under(field, condition, item) for item in items]
    if (inner := as_object(held)) is not None:
        return {field: condition, **inner}
    return _conditional(field, condition, held) if isinstance(held, str) else held


def _conditional(field: str, condition: str, text: str) -> str:
    if re.search(rf"(?<!\w){re.escape(condition)}(?!\w)", text, re.IGNORECASE):
        return text
    begins = condition.split(maxsplit=1)[0].lower() in _CONJUNCTIONS
    if not begins and bare_name(field) in _SITUATION_FIELDS:
        return f"{condition.rstrip(' .:')}: {text}"
    is_word = text[1:2].islower() or (text[1:2].isspace() and text[0] != "I")
    said = text[0].lower() + text[1:] if is_word else text
    return f"{'' if begins else 'When '}{condition.rstrip(' .,:')}, {said}"


def _first(fields: Json, names: Sequence[str]) -> str | None:
    """The first of these fields, in any spelling, that is a text."""
    return next((n for name in names for n in _spelt(fields, name) if _said(fields, n)), None)


def _spelt(fields: Json, name: str) -> list[str]:
    return [found for found in fields if bare_name(found) == name]


def _said(fields: Json, name: str) -> bool:
    value = fields.get(name)
    return isinstance(value, str) and bool(value.strip())


def _no_lessons(value: object) -> str:
    found = as_object(value) or as_object(next(iter(as_list(value) or ()), None))
    has = f"; its fields are {listed(list(found))}" if found else ""
    if found and ("role" in found or "messages" in found):
        has = "; what was said in attempts is for `submit`"
    return (
        'has no experiences: give {"G1": "text", …}, a list of texts, or a list of objects with '
        f"text and name{has}"
    )
