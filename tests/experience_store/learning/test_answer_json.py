from __future__ import annotations

import contextlib
import json
import random
import re
from typing import Any

import pytest

from experience_store.errors import AnswerRefusedError
from experience_store.learning.answer_json import MAX_CHARS, clean_object, parse_object

OPERATION = {"op": "Add", "name": "Check", "text": "When unsure, check."}
ANSWER = {"reasons": ["because"], "operations": [OPERATION]}
TEXT = json.dumps(ANSWER)
EXPECTED = ("operations", "reasons")


def escaped(text: str) -> str:
    return json.dumps({"operations": [{"text": text}]})


def unescaped(text: str) -> str:
    return '{"operations": [{"text": "' + text + '"}]}'


def text_of(answer: dict[str, Any]) -> str:
    return answer["operations"][0]["text"]


class TestWhereTheObjectIs:
    @pytest.mark.parametrize(
        "answer",
        [
            TEXT,
            f"\ufeff{TEXT}\n",
            f"```json\n{TEXT}\n```",
            f"```JSON5 title=x\n{TEXT}\n```",
            f"```\n{TEXT}",
            f"Here is `{{` the plan:\n\n```json\n{TEXT}\n```\nI hope it's all you {{need}}.",
            f"Since $\\frac{{1}}{{2}}$ and {{1, 2}} hold, it's this: {TEXT} \\boxed{{x}}",
            f"Let A = {{x : x > 0}}, B = \\{{y: a: b\\}}, C = {{n: n}}. {TEXT}",
            f"<reasoning>{{</reasoning> Here: {TEXT}",
            f"<think>Shall it be {{'operations': [? Or {{</think>{TEXT}",
            f"<thinking>\nHm, it's \"{{\n</thinking>\n\nSo:\n```json\n{TEXT}\n```",
            f'Hm, {{"operations": [\n</think>\n\n{TEXT}',
            f"```python\nprint('{{}}')\n```\nand then\n```json\n{TEXT}\n```\n```text\nbye\n```",
            f"[G1] is refined, [] is not.\n{TEXT}",
            f"[{TEXT}]",
        ],
    )
    def test_prose_fences_and_thoughts_around_it_do_not_matter(self, answer: str) -> None:
        assert parse_object(answer, EXPECTED) == ANSWER

    @pytest.mark.parametrize(
        "value",
        [
            "```json\n{}\n```",
            "```",
            "close </think> first",
            "close it with </think>\nand go on",
            "<think>",
            '{"operations": [',
            "}]}",
            'a "quoted", word',
            "it's, [well], # not // a comment /* at all",
        ],
    )
    def test_a_string_may_hold_what_looks_like_the_end_of_the_object(self, value: str) -> None:
        assert text_of(parse_object(escaped(value), EXPECTED)) == value
        assert text_of(parse_object(f"```json\n{escaped(value)}\n```", EXPECTED)) == value

    def test_the_object_with_the_most_expected_keys_wins(self) -> None:
        example = '{"name": "an example", "text": "' + "long " * 100 + '"}'
        assert parse_object(f'{example} {TEXT} {{"operations": []}}', EXPECTED) == ANSWER

    def test_the_last_of_equally_good_objects_wins(self) -> None:
        answer = f'{TEXT}\nOn reflection: {{"reasons": [], "operations": []}}'
        assert parse_object(answer, EXPECTED) == {"reasons": [], "operations": []}

    def test_a_bare_list_of_objects_is_read_as_the_operations(self) -> None:
        assert parse_object(json.dumps([OPERATION, OPERATION]), EXPECTED) == {
            "operations": [OPERATION, OPERATION]
        }

    def test_a_list_is_refused_where_no_operations_are_expected(self) -> None:
        with pytest.raises(AnswerRefusedError, match=r"is a JSON list.*keys summary"):
            parse_object(json.dumps([OPERATION, OPERATION]), ["summary"])

    def test_a_list_with_a_member_that_is_not_an_object_is_refused(self) -> None:
        with pytest.raises(AnswerRefusedError):
            parse_object('[{"op": "Keep"}, "Retire G2"]', EXPECTED)

    @pytest.mark.parametrize(
        "answer",
        ["", "  ", "null", "No changes.", '"', "{1, 2}", "operations: none", "Nothing: []"],
    )
    def test_an_answer_without_an_object_is_refused(self, answer: str) -> None:
        with pytest.raises(AnswerRefusedError, match=r"There is no JSON object.*one JSON object"):
            parse_object(answer, EXPECTED)

    @pytest.mark.parametrize("answer", ["{}", '{"op": "Add", "text": "x"}'])
    def test_an_object_without_any_expected_key_is_refused(self, answer: str) -> None:
        if answer == "{}":
            with pytest.raises(AnswerRefusedError):
                parse_object(answer, EXPECTED)
        else:
            with pytest.raises(AnswerRefusedError, match=r"op, text.*operations, reasons"):
                parse_object(answer, EXPECTED)


class TestMending:
    @pytest.mark.parametrize(
        "answer",
        [
            TEXT.replace("]", ",]").replace("}", ",}"),
            TEXT.replace('"', "'"),
            re.sub(r'"(\w+)":', r"\1:", TEXT),
            """{
                // don't forget: {
                "reasons": ["because"], # it's [so
                /* " */ "operations": [
                    {"op": "Add", "name": "Check", "text": "When unsure, check." /* { */}
                ]
            }""",
        ],
    )
    def test_almost_json_is_read_as_meant(self, answer: str) -> None:
        assert parse_object(answer, EXPECTED) == ANSWER

    def test_python_literals_are_read_as_meant(self) -> None:
        answer = parse_object(
            "{'operations': [], 'done': True, 'more': False, 'id': None}", EXPECTED
        )
        assert answer == {"operations": [], "done": True, "more": False, "id": None}

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ('When asked "why", answer', 'When asked "why", answer'),
            ("a real\nline end", "a real\nline end"),
            (r"it\'s so", "it's so"),
        ],
    )
    def test_strings_that_json_does_not_allow_are_read_as_meant(
        self, written: str, meant: str
    ) -> None:
        assert text_of(parse_object(unescaped(written), EXPECTED)) == meant

    def test_unescaped_quotes_never_cost_any_text(self) -> None:
        rng = random.Random(0)
        for _ in range(200):
            text = " ".join(rng.choices(QUOTED, k=6))
            for answer in (unescaped(text), unescaped(text).replace("}]}", ",}],}")):
                with contextlib.suppress(AnswerRefusedError):
                    assert text_of(parse_object(answer, EXPECTED)) == text
                    assert parse_object(answer, EXPECTED)["operations"] == [{"text": text}]

    @pytest.mark.parametrize(
        "text", ["Don't stop, it's the users' turn", "Count the users' # of items"]
    )
    def test_apostrophes_do_not_end_a_string_in_single_quotes(self, text: str) -> None:
        answer = "{'operations': [{'text': '" + text + "'\n}]}"
        assert text_of(parse_object(answer, EXPECTED)) == text

    @pytest.mark.parametrize("text", ['write "total" # of items', 'say "a", b: "c" d', '5" pipe'])
    def test_an_ambiguous_closing_quote_is_refused(self, text: str) -> None:
        with pytest.raises(AnswerRefusedError, match="not escaped"):
            parse_object(unescaped(text).replace("}]", "\n}]"), EXPECTED)

    @pytest.mark.parametrize(
        "answer",
        [
            re.sub(r'"(.*?)"', r"“\1”", TEXT),
            TEXT.replace(", ", "\n").replace("unsure\n", "unsure, "),
            TEXT.replace("because", 'it was "sold out" then'),
            "{operations: [{op: Keep}], operations: []}",
            TEXT.replace(":", " ="),
        ],
        ids=["curly quotes", "commas missing", "quotes in a list", "bare words", "equals signs"],
    )
    def test_other_malformed_json_is_refused(self, answer: str) -> None:
        with pytest.raises(AnswerRefusedError, match=r"one JSON object|strict parser"):
            parse_object(answer, EXPECTED)


class TestHalfAnAnswer:
    @pytest.mark.parametrize("fence", ["", "```json\n"])
    @pytest.mark.parametrize(
        "whole",
        [
            json.dumps({"operations": [OPERATION, OPERATION]}),
            "{'operations': [{'op': 'Add', 'text': 'x'}, {'op': 'Keep'},]}",
            '{operations: [{op: "Add", text: "x"}, {op: "Keep"}]}',
            json.dumps([OPERATION, OPERATION]),
        ],
    )
    def test_is_refused_wherever_it_breaks_off(self, whole: str, fence: str) -> None:
        for length in range(len(whole)):
            with pytest.raises(AnswerRefusedError):
                parse_object(fence + whole[:length], EXPECTED)

    def test_is_refused_even_after_a_whole_one(self) -> None:
        with pytest.raises(AnswerRefusedError, match="breaks off"):
            parse_object(f"{TEXT} No, better: {TEXT[:-9]}", EXPECTED)

    def test_is_refused_when_it_ends_while_thinking(self) -> None:
        with pytest.raises(AnswerRefusedError, match="while thinking"):
            parse_object(f"<think>Perhaps {TEXT}? Or", EXPECTED)

    @pytest.mark.parametrize(
        "answer",
        [
            '{"operations": [{"op": "Keep"}}, {"op": "Retire", "id": "G2"}]}',
            '{"operations": [{"op": "Keep"}, {"op": "Retire", "id": "G2"}}',
            '{"operations": [{"op": "Keep"}, {"op": "Retire", "id": "G2"]}',
        ],
    )
    def test_is_suspected_if_brackets_do_not_match(self, answer: str) -> None:
        with pytest.raises(AnswerRefusedError, match=r"breaks off|malformed near"):
            parse_object(answer, EXPECTED)

    @pytest.mark.parametrize(
        "answer",
        [
            '{"operations": [{"op": "Keep"}]}, {"op": "Retire", "id": "G2"}]}',
            '"operations": [{"op": "Keep"}], "reasons": []}',
            'operations": [{"op": "Keep"}] {"op": "Retire", "id": "G2"}]}',
        ],
    )
    def test_is_suspected_if_json_continues_after_its_end(self, answer: str) -> None:
        with pytest.raises(AnswerRefusedError, match="goes on"):
            parse_object(answer, EXPECTED)

    def test_is_not_suspected_after_one_bracket_too_many(self) -> None:
        assert parse_object(TEXT + "}\n```\nDone.", EXPECTED) == ANSWER

    @pytest.mark.parametrize(
        "answer",
        [
            '{"operations": [{"op": "Add", "text": "x}, {"op": "Keep"}]}',
            "{'operations': [{'op': 'Add', 'text': 'x}, {'op': 'Keep'}]}",
            '{"operations": [{"op: "Keep"}]}',
        ],
    )
    def test_is_suspected_when_a_string_swallows_its_neighbours(self, answer: str) -> None:
        with pytest.raises(AnswerRefusedError, match="a quote is missing"):
            parse_object(answer, EXPECTED)

    @pytest.mark.parametrize("quote", ['"', "'"])
    def test_is_not_caused_by_one_missing_character(self, quote: str) -> None:
        operations = [OPERATION, {"op": "Retire", "id": "G2"}, {"op": "Keep", "id": 3}]
        whole = json.dumps({"reasons": ["a", "b"], "operations": operations}).replace('"', quote)
        for position in (p for p, mark in enumerate(whole) if not mark.isalnum()):
            broken = whole[:position] + whole[position + 1 :]
            with contextlib.suppress(AnswerRefusedError):
                read: Any = parse_object(broken, EXPECTED)
                assert len(read["operations"]) == 3, broken

    def test_is_suspected_when_a_key_occurs_twice(self) -> None:
        with pytest.raises(AnswerRefusedError, match="occurs twice"):
            parse_object('{"operations": [{"op": "Keep"}], "operations": []}', EXPECTED)


class TestBounds:
    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
    @pytest.mark.parametrize("answer", ['{{"a": [{}]}}', "{{a: {},}}"])
    def test_a_number_must_be_finite(self, number: str, answer: str) -> None:
        with pytest.raises(AnswerRefusedError, match="not a JSON number"):
            parse_object(answer.format(number), ["a"])

    def test_a_string_may_say_nan(self) -> None:
        assert parse_object('{"a": "NaN, Infinity"}', ["a"]) == {"a": "NaN, Infinity"}

    @pytest.mark.parametrize("digits", [60, 10_000])
    def test_a_huge_integer_is_refused(self, digits: int) -> None:
        with pytest.raises(AnswerRefusedError, match="digits"):
            parse_object('{"a": -' + "9" * digits + "}", ["a"])

    @pytest.mark.parametrize("depth", [100, 1_000, 20_000])
    @pytest.mark.parametrize(("opened", "closed"), [('{"a":', "}"), ("[", "]"), ("[[{a: ", "}]]")])
    def test_deep_nesting_is_refused(self, depth: int, opened: str, closed: str) -> None:
        with pytest.raises(AnswerRefusedError, match=r"levels deep|breaks off"):
            parse_object('{"a":' + opened * depth + "1" + closed * depth + "}", ["a"])

    def test_deep_nesting_in_a_decoded_object_is_refused(self) -> None:
        value: object = "x"
        for _ in range(100_000):
            value = [value]
        with pytest.raises(AnswerRefusedError, match="levels deep"):
            clean_object({"a": value})

    def test_an_answer_that_is_too_long_is_refused(self) -> None:
        with pytest.raises(AnswerRefusedError, match="Shorten"):
            parse_object('{"a": "' + "x" * MAX_CHARS + '"}', ["a"])

    @pytest.mark.parametrize(
        "unit",
        [
            "{",
            "{a:",
            '{"',
            "[{",
            "[[",
            "/*",
            "{/*",
            '"',
            "',",
            '",',
            "\\",
            "}",
            "<think>",
            "{a:1}",
            "</think> ",
            "[]",
            '"//',
            '"x" y :',
            ': "',
            ",/*,",
            "\\nu ",
        ],
    )
    @pytest.mark.parametrize("frame", ["{}", '{{"a": {}}}', '{{"a": "{}"}}', "{{'a': '{}',}}"])
    def test_hostile_text_is_read_or_refused(self, unit: str, frame: str, part: int) -> None:
        text = frame.format(unit * (MAX_CHARS // part // len(unit) - 20))
        with contextlib.suppress(AnswerRefusedError):
            assert isinstance(parse_object(text, ["a"]), dict)


QUOTED = [
    '"yes"',
    '"no",',
    "then",
    '"why"',
    '"',
    '"a", "b"',
    "it's",
    "or",
    '"end".',
    '("x")',
    "[1]",
]
WORDS = [
    *["G1", "retry", "café", "日本", "😀", "{", "}", "[", "]", '"', "'", "\\", ":", ",", "//", "#"],
    *["```", "\n", " \n", "- ", "True", "null", "NaN", "/*", "1.5", "\u2028", "\\\\", "\\x", "@0"],
]


def random_value(rng: random.Random, depth: int) -> object:
    pick = rng.randrange(8 if depth else 5)
    if pick == 0:
        return rng.choice([None, True, False])
    if pick == 1:
        return rng.randrange(-(10**12), 10**12)
    if pick == 2:
        return rng.uniform(-1e6, 1e6)
    if pick in {3, 4}:
        return random_text(rng)
    if pick in {5, 6}:
        return [random_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return random_object(rng, depth - 1)


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(WORDS, k=rng.randrange(8)))


def random_object(rng: random.Random, depth: int) -> dict[str, object]:
    return {random_text(rng): random_value(rng, depth) for _ in range(rng.randrange(5))}


def test_a_well_formed_object_comes_out_as_it_went_in() -> None:
    rng = random.Random(0)
    for _ in range(300):
        value = {"first": 1, **random_object(rng, 4)}
        written = json.dumps(value, indent=rng.choice([None, 2]), ensure_ascii=rng.random() < 0.5)
        assert parse_object(written, ["first"]) == value
        assert parse_object(f"So:\n```json\n{written}\n```\nDone.", ["first"]) == value
