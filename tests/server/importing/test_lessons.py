"""Lessons in text and JSON: what is taken for one, and what is shown as skipped."""

from __future__ import annotations

import json

import pytest

from experience_store.errors import BadInputError
from server.importing.lesson_json import read_lesson_json
from server.importing.lesson_text import read_lesson_text

RULE = "When a, do b."


@pytest.mark.parametrize(
    "line",
    [
        *("- {}", "* {}", "+ {}", "• {}", "1. {}", "12) {}", "(3) {}", "  - {}", "- [ ] {}"),
        *("- [G1] {}", "[G1] {}", "[G0]. {}", "[2]. {}", "[sai-00001] helpful=5 harmful=1 :: {}"),
        "- [ctx-00002] helpful=0 harmful=0 :: {}",
    ],
)
def test_an_item_of_a_list_is_a_lesson(line: str) -> None:
    (found,) = read_lesson_text(f"# Lessons\n\n{line.format(RULE)}\n").additions
    assert (found.name, found.text) == ("", RULE)


@pytest.mark.parametrize(
    "line", ["- Carry: {}", "- **Carry**: {}", "- **Carry:** {}", "1. __Carry__ - {}"]
)
def test_an_item_may_have_a_name(line: str) -> None:
    (found,) = read_lesson_text(line.format(RULE)).additions
    assert (found.name, found.text) == ("Carry", RULE)


def test_items_go_on_in_the_next_lines_and_paragraphs_are_skipped() -> None:
    text = """---
name: skill
---
# Lessons

An introduction
of two lines.

- When a sum has carries,
  add from the right.
- When dates are counted,
decide first whether both ends count.
Prose that follows at once.

| a | table |
"""
    found = read_lesson_text(text)
    assert [a.text for a in found.additions] == [
        "When a sum has carries, add from the right.",
        "When dates are counted, decide first whether both ends count.",
    ]
    assert [(s.place, s.text) for s in found.skipped] == [
        ("line 6", "An introduction of two lines."),
        ("line 13", "Prose that follows at once."),
        ("line 15", "| a | table |"),
    ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"G0": RULE, "G1": RULE}, ["", ""]),
        ({"carry": RULE}, ["carry"]),
        ({"G0": f"Carry: {RULE}"}, ["Carry"]),
        ([RULE], [""]),
        ([{"text": RULE, "name": "n"}, {"content": RULE, "title": "t"}], ["n", "t"]),
        ([{"lesson": RULE}, {"insight": RULE, "id": 3}], ["", ""]),
        ({"experiences": {"G1": RULE}, "library": "lib", "version": 3}, [""]),
        ({"bullets": {"ctx-00001": {"content": RULE, "helpful": 3}}}, [""]),
        ({"math": [RULE], "web": [RULE, {"rule": RULE}]}, ["", "", ""]),
        ({"G1": {"text": RULE}}, [""]),
    ],
)
def test_texts_and_objects_in_json_are_lessons(value: object, names: list[str]) -> None:
    found = read_lesson_json(json.dumps(value))
    assert [(a.name, a.text) for a in found.additions] == [(name, RULE) for name in names]
    assert found.skipped == ()


def test_json_lines_are_lessons_and_what_is_beside_them_is_skipped() -> None:
    lines = f'{{"text": "{RULE}"}}\n{{"text": "When c, do d."}}\n{{"score": 1}}\n'
    found = read_lesson_json(lines)
    assert [a.text for a in found.additions] == [RULE, "When c, do d."]
    assert [(s.place, s.text) for s in found.skipped] == [("[2]", '{"score": 1}')]
    beside = read_lesson_json(json.dumps({"lessons": [RULE], "author": "me"}))
    assert [(s.place, s.text) for s in beside.skipped] == [("author", "me")]


@pytest.mark.parametrize("text", ["[]", '{"a": 1}', '[{"score": 1}]', "{}", "3"])
def test_json_without_lessons_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(BadInputError, match="has no experiences: give"):
        read_lesson_json(text)
