"""Lessons in text and JSON: what is taken for one, and what is shown as skipped."""

from __future__ import annotations

import gzip
import json
import sys

import pytest

from experience_store.errors import BadInputError
from server.importing.lesson_files import read_lessons, read_text
from server.importing.lesson_text import read_lesson_text

RULE = "When a, do b."


@pytest.mark.parametrize(
    "line",
    [
        *("- {}", "* {}", "+ {}", "• {}", "1. {}", "12) {}", "(3) {}", "  - {}", "- [ ] {}"),
        *("- [G1] {}", "[G1] {}", "[G0]. {}", "[2]. {}", "[sai-00001] helpful=5 harmful=1 :: {}"),
        "- [ctx-00002] helpful=0 harmful=0 :: {}",
        "[ctx-00003] helpful=0 harmful=0 neutral=1 :: {}",
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
        ("line 1", "--- name: skill ---"),
        ("line 4", "Lessons"),
        ("line 6", "An introduction of two lines."),
        ("line 13", "Prose that follows at once."),
        ("line 15", "| a | table |"),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("# Lessons\n## Avoid\n- x\n- y", ["Avoid", "Avoid"]),
        ("# Avoid\n- x", ["Avoid"]),
        (
            "# Us\n## Code\n- x\n### Python ##\n- y\n## Tests\n- z",
            ["Code", "Code / Python", "Tests"],
        ),
        ("# Avoid\n## Rules\n- x", ["Avoid"]),
        ("# One\n- x\n# Two\n- **n**: y", ["One", "Two / n"]),
        ("Dates\n=====\n\nEnds\n----\n- x", ["Ends"]),
        ("Always:\n\n- x\n\n**Never do**\n- y\n\nOften.\n- z", ["Always", "Never do", ""]),
        ("Principles\n- x\n\nNaming\n\n- y", ["Principles", ""]),
        ("Prose.\n- x\n", [""]),
        ("---\n- x\n\n***\nand more", [""]),
        ("<avoid>\n- x\n</avoid>\n- y", ["avoid", ""]),
        ("<!-- old:\n- x\n--> - y\n- z", [""]),
        ("- __init__ x\n- **n** \u2014 y", ["", "n"]),
        ("\u2013 x\n\u2014 y", ["", ""]),
        ("When dates\nare counted:\n* x", ["When dates are counted"]),
        ("- Dates\n  - x\n  - y\n- z", ["Dates", "Dates", ""]),
        ("- **Dates**:\n    1. Ends\n        - x", ["Dates / Ends"]),
        ("- Count.\n  - x", ["", "Count."]),
        ("## DON'Ts\n[err-00001] helpful=1 harmful=0 :: x", ["DON'Ts"]),
        ("# Experiences: lib (version 2)\n\n- [G1] n: x", ["n"]),
    ],
)
def test_what_an_item_stands_under_is_in_its_name(text: str, names: list[str]) -> None:
    assert [a.name for a in read_lesson_text(text).additions] == names


def test_what_is_in_no_name_is_shown() -> None:
    text = """---
globs: "*.py"
---
# Ours
## Empty
Prose.

```sh
- not a lesson
```
## Used
- x
  ```
  - its example
  ```

  Its second paragraph.
"""
    found = read_lesson_text(text)
    assert [(a.name, a.text) for a in found.additions] == [
        ("Used", "x ``` - its example ``` Its second paragraph.")
    ]
    assert [(s.place, s.text) for s in found.skipped] == [
        ("line 1", '--- globs: "*.py" ---'),
        ("line 4", "Ours"),
        ("line 5", "Empty"),
        ("line 6", "Prose."),
        ("line 8", "```sh - not a lesson ```"),
    ]
    playbook = read_lesson_text(
        "[sai-1] helpful=2 harmful=0 :: x\n[sai-2] helpful=0 harmful=0 :: y"
    )
    assert playbook.left_out == (("helpful and harmful", 2),)


def test_a_heading_that_is_too_long_for_a_name_is_in_the_text() -> None:
    (found,) = read_lesson_text(f"## {'long ' * 18}\n- n: x").additions
    assert (found.name, found.text) == ("n", f"{'long ' * 18}".strip() + ": x")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"condition": "it rains", "strategy": "Run."}, ("", "When it rains, run.")),
        ({"when": "If it is late.", "action": "I rest."}, ("", "If it is late, I rest.")),
        ({"situation": "Refunds", "lesson": "Ask."}, ("Refunds", "Ask.")),
        ({"problem": "x" * 90, "solution": "Ask."}, ("", "x" * 90 + ": Ask.")),
        ({"context": "it rains", "text": "When it rains, run."}, ("", "When it rains, run.")),
        ({"context": "rain", "text": "When training, run."}, ("rain", "When training, run.")),
        ({"when": "b", "observations": ["Do c."]}, ("", "When b, do c.")),
        ({"name": "n", "when": "b", "value": {"text": "Do c."}}, ("n", "When b, do c.")),
    ],
)  # fmt: skip
def test_the_condition_of_a_lesson_is_in_its_text(
    fields: dict[str, object], line: tuple[str, str]
) -> None:
    (found,) = read_lessons(json.dumps([fields]), "-").additions
    assert (found.name, found.text) == line


def test_ids_are_no_lessons() -> None:
    found = read_lessons(json.dumps({"ids": ["G1", "7"], "documents": [RULE, "x"]}), "-")
    assert [a.text for a in found.additions] == [RULE, "x"]
    assert [s.place for s in found.skipped] == ["ids"]
    found = read_lessons(json.dumps(["G1", RULE]), "-")
    assert [(s.place, s.text) for s in found.skipped] == [("[0]", "G1")]


def test_fields_of_lessons_that_are_not_kept_are_counted() -> None:
    rows = [
        {"title": "t", "description": "d", "content": RULE, "tags": ["x"], "note": None},
        {"content": "When c, do d.", "tags": ["y"], "metadata": {"type": "avoid"}},
    ]
    found = read_lessons(json.dumps(rows), "-")
    assert dict(found.left_out) == {"description": 1, "tags": 2, "metadata": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "library: lib\nlessons:\n  - name: n\n    text: When a, do b.\n    when: a\n"),
        ("-", "- name: n\n  text: When a, do b.\n"),
        ("-", "---\nlessons:\n  - text: When a, do b.\n    name: n\n"),
        ("a.yml", "n: When a, do b.\n"),
        ("a.csv", 'Name,Lesson\nn,"When a, do b."\n'),
        ("a.csv", 'lesson\n"n: When a, do b."\n'),
        ("-", "name;text\nn;When a, do b.\n"),
    ],
)
def test_yaml_and_tables_hold_lessons(name: str, text: str) -> None:
    (found,) = read_lessons(text, name).additions
    assert (found.name, found.text) == ("n", RULE)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: [1\nb: 2\n", r"is not YAML \(.*line 2"),
        ("a.yaml", "a: x\na: y\n", r"is not YAML \(found 'a' twice; rename one line 1"),
        ("a.json", '{"G1": "x", "G1": "y"}', "has two fields 'G1' in one object; rename one"),
        (
            "a.csv",
            "foo,bar\nx,y\n",
            "name a column text in the first row; its columns are foo, bar",
        ),
        ("a.csv", "text,name\nx\n", "line 2: has 1 cells"),
        ("a.json", '["a",\n]', "is not JSON .*line 2"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "x"}]}', "is for `submit`"),
    ],
)
def test_damaged_or_other_files_are_refused_with_the_place(name: str, text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        read_lessons(text, name)


def test_without_the_package_yaml_says_how_to_convert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "server.importing.yaml_text", raising=False)
    with pytest.raises(BadInputError, match=r"is YAML: install what reads it .*`yq -o json FILE`"):
        read_lessons("- When a, do b.\n", "a.yaml")


def test_files_of_lessons_may_be_compressed_or_in_utf16() -> None:
    for data in (
        gzip.compress(RULE.encode()),
        RULE.encode("utf-16"),
        b"\xef\xbb\xbf" + RULE.encode(),
    ):
        assert read_text(data) == RULE
    for data, said in (
        (b"x\n\xfc", r"is not UTF-8 \(line 2\)"),
        (b"PK\x03\x04", "is damaged"),
        (gzip.compress(b"x" * 99)[:-9], "is damaged or cut off"),
    ):
        with pytest.raises(BadInputError, match=said):
            read_text(data)


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
        ({"math": [RULE], "web": [RULE, {"rule": RULE}]}, ["math", "web", "web"]),
        ({"math": [RULE], "web": {"G1": RULE}}, ["math", "web"]),
        ({"math": {"carry": RULE}}, ["math / carry"]),
        ({"G1": {"text": RULE}}, [""]),
        ({"text": RULE, "name": "n"}, ["n"]),
        ({"Lesson": RULE, "Title": "n"}, ["n"]),
        ([{"category": "math", "name": "n", "text": RULE}], ["math / n"]),
        ([{"title": "Sums", "description": "Of carries", "rules": [RULE]}], ["Sums"]),
        ({"results": [{"id": "a", "memory": RULE, "score": 0.3}]}, [""]),
        ([{"label": "human", "value": RULE, "limit": 5000}], ["human"]),
        ([{"key": "tea", "value": {"content": RULE}}], ["tea"]),
        ([{"name": "Sums", "observations": [RULE, RULE]}], ["Sums", "Sums"]),
        ({"facts": [{"fact": RULE}]}, [""]),
        ({"playbook": {"sections": {"errors": [{"content": RULE}]}, "next_id": 3}}, ["errors"]),
        ({"task": "Sums", "reflection": RULE}, ["Sums"]),
    ],
)
def test_texts_and_objects_in_json_are_lessons(value: object, names: list[str]) -> None:
    found = read_lessons(json.dumps(value), "-")
    assert [(a.name, a.text) for a in found.additions] == [(name, RULE) for name in names]
    assert found.skipped == ()


def test_json_lines_are_lessons_and_what_is_beside_them_is_skipped() -> None:
    lines = f'{{"text": "{RULE}"}},\n{{"text": "When c, do d."}},\n{{"score": 1}},\n'
    found = read_lessons(lines, "-")
    assert [a.text for a in found.additions] == [RULE, "When c, do d."]
    assert [(s.place, s.text) for s in found.skipped] == [("[2]", '{"score": 1}')]
    beside = read_lessons(json.dumps({"lessons": [RULE], "author": "me"}), "-")
    assert [(s.place, s.text) for s in beside.skipped] == [("author", "me")]


def test_lessons_that_are_nested_too_deeply_are_refused() -> None:
    value: object = {"text": RULE}
    for _ in range(900):
        value = {"a": value}
    with pytest.raises(BadInputError, match="nested too deeply"):
        read_lessons(json.dumps(value), "-")


@pytest.mark.parametrize(
    "text", ["[]", '{"a": 1}', '[{"score": 1}]', "{}", '{"role": "user", "content": "x"}']
)
def test_json_without_lessons_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(BadInputError, match="has no experiences: give"):
        read_lessons(text, "-")
