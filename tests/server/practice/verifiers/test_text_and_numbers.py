"""Verifiers that compare text and numbers, and where in the last words the answer is."""

from __future__ import annotations

import time

import pytest

from experience_store.errors import BadInputError
from server.practice.verifiers import (
    make_verifier,
)
from server.practice.verifiers.answer_extraction import final_answer
from server.practice.verifiers.answer_match import says
from server.practice.verifiers.formula import formula
from server.practice.verifiers.number_reading import last_number
from tests.server.practice.verifiers.verifier_builders import (
    reward,
    said,
    task,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("42", "42"),
        ("I think so.\nAnswer: 42", "42"),
        ("**Final Answer:** 42", "42"),
        ("The answer is 42", "42"),
        ("Answer:\n\n42\nHope this helps", "42"),
        ("Answer: 41. No, wait.\nAnswer: 42", "42"),
        (r"So \boxed{41} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}"),
        (r"\boxed{42} and \boxed{43", "42"),
        ("<answer>41</answer> hm <answer>\n42\n</answer>", "42"),
        (r"<answer>The answer is \boxed{42}</answer> Answer: 7", "42"),
        ("It answers everything: 42", "It answers everything: 42"),
    ],
)
def test_the_answer_is_found_where_it_is_marked(text: str, answer: str) -> None:
    assert final_answer(text) == answer


def test_an_answer_in_json_that_nests_too_deep_is_read_as_text() -> None:
    assert final_answer('{"answer": ' + "[" * 100_000) == "[" * 100_000


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        ("<answer>", 20_000),
        (r"\boxed{", 5_000),
        ("answer: \n", 20_000),
        ("answer is ", 20_000),
        ("answer a ", 20_000),
        ('"answer": ', 20_000),
        ("{", 10**6),
        ("**", 100_000),
        ("not ", 50_000),
        ("1 ", 100_000),
        ("1,234", 50_000),
        ("9", 200_000),
        ("$", 100_000),
        (" because", 20_000),
        ("(", 100_000),
        ("if x, ", 50_000),
        ("is ", 50_000),
        ("A. ", 50_000),
    ],
)
def test_hostile_text_is_searched_quickly(unit: str, count: int, part: int) -> None:
    text = unit * (count // part)
    began = time.process_time()
    says(text, "4")
    says(f"Answer: {text}"[:20_000], "Paris")
    formula(text[:20_000])
    assert time.process_time() - began < 20


# Text


@pytest.mark.parametrize(
    ("answer", "right"),
    [("Paris", 1.0), (" Paris\n", 1.0), ("paris", 0.0), ("Answer: Paris", 0.0)],
)
async def test_exact_compares_characters(answer: str, right: float) -> None:
    assert await reward(make_verifier("exact", judge=None), "Paris", answer) == right


@pytest.mark.parametrize(
    ("truth", "answer", "right"),
    [
        ("Paris", "  “PARIS”. ", 1.0),
        ("New York", "new\n york", 1.0),
        ("Paris", "It must be France's capital.\nAnswer: **Paris**", 1.0),
        ("Paris", "<answer>paris</answer>", 1.0),
        ("Paris", r"\boxed{Paris}", 1.0),
        ("2nd", "\uff12nd", 1.0),
        ("Answer: yes", "answer: yes", 1.0),
        ("5", "-5", 0.0),
        ("5", "5!", 0.0),
        ("5", ".5", 0.0),
        ("Paris", "Paris or London", 0.0),
    ],
)
async def test_match_ignores_case_spacing_and_marks(truth: str, answer: str, right: float) -> None:
    assert await reward(make_verifier("match", judge=None), truth, answer) == right


# Numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12,345.5 km", 12345.5),
        ("-5 m2", -5),
        ("10-5", 5),
        ("- $5", -5),
        ("3/4", 0.75),
        ("1 1/2 cups", 1.5),
        ("1½", 1.5),
        (r"-\frac{3}{4}", -0.75),
        (r"1.5 \times 10^{-5}", 1.5e-5),
        ("1e5", 1e5),
        ("50%", 50),
        ("1{,}234", 1234),
        ("1\u202f234", 1234),
        ("\u22127", -7),
        (".5", 0.5),
        ("2^10 = 1024", 1024),
        ("2^10", None),
        ("H2O", None),
        ("1e99999", None),
        ("5/0", None),
        ("9" * 200, None),
        ("", None),
    ],
)
def test_the_last_number_is_read_as_people_write_it(text: str, number: float | None) -> None:
    read = last_number(text)
    assert (None if read is None else float(read)) == number


@pytest.mark.parametrize(
    ("spec", "answer", "right"),
    [
        ("number", "Of 12 I take 3, so Answer: 1,000 apples", 1.0),
        ("number", "1000.1", 0.0),
        ("number", "a thousand", 0.0),
        ("number:0.1", "1000.1", 1.0),
        ("number:0.1", "1000.11", 0.0),
        ("number:1e-6", "1000.0000001", 1.0),
        ("number:1%", "990", 1.0),
        ("number:1%", "989", 0.0),
    ],
)
async def test_number_compares_within_its_tolerance(spec: str, answer: str, right: float) -> None:
    assert await reward(make_verifier(spec, judge=None), "1000", answer) == right


@pytest.mark.parametrize("spec", ["number:", "number:much", "number:-1", "number:1/0", "number:%"])
def test_an_invalid_tolerance_is_refused(spec: str) -> None:
    with pytest.raises(BadInputError, match=r"write number, number:0\.01"):
        make_verifier(spec, judge=None)


def test_number_refuses_ground_truths_that_are_not_numbers() -> None:
    with pytest.raises(BadInputError, match=r"finds no number .*: 't1'"):
        make_verifier("number", judge=None).check([task("many"), task("3", name="t2")])


# All


@pytest.mark.parametrize("spec", ["exact", "match", "number"])
async def test_an_answer_without_content_is_unscored_and_thoughts_are_no_answer(spec: str) -> None:
    verifier = make_verifier(spec, judge=None)
    for answer, what in (
        ("", "is empty"),
        (" \n", "is empty"),
        ("<think>It is 4.</think>", "holds nothing but reasoning"),
        ("<think>It is 4.", "holds nothing but reasoning"),
        ("[THINK]4[/THINK]\n", "holds nothing but reasoning"),
    ):
        score = await verifier.verify(task("4"), said(answer))
        assert (score.reward, score.failure) == (None, f"the answer {what}"), answer
    for answer, right in (
        ("<think>Perhaps 5?</think>\n4", 1.0),
        ("<thinking>The answer is 5.</thinking>4", 1.0),
        ("The answer is 5?</think>4", 1.0),
        ("\u25c1think\u25b75\u25c1/think\u25b74", 1.0),
        ("<seed:think>5</seed:think>4", 1.0),
        (
            "<|channel|>analysis<|message|>5<|end|><|start|>assistant<|channel|>final<|message|>4",
            1.0,
        ),
        ("<think>The answer is 4.</think>5", 0.0),
    ):
        assert await reward(verifier, "4", answer) == right, answer


@pytest.mark.parametrize("spec", ["exact", "match", "number"])
async def test_any_of_several_right_answers_is_right(spec: str) -> None:
    verifier = make_verifier(spec, judge=None)
    several = task("4").model_copy(update={"extra": {"right_answers": ["4", "5"]}})
    verifier.check([several])
    for answer, right in (("4", 1.0), ("5", 1.0), ("6", 0.0)):
        assert (await verifier.verify(several, said(answer))).reward == right


@pytest.mark.parametrize("spec", ["exact", "match", "number", "math"])
def test_tasks_without_a_ground_truth_are_refused_by_name(spec: str) -> None:
    with pytest.raises(BadInputError, match=r"compares with the ground truth.*: 't2'"):
        make_verifier(spec, judge=None).check([task("1"), task(name="t2")])


def test_an_unknown_verifier_error_lists_the_known_ones() -> None:
    with pytest.raises(BadInputError, match=r"did you mean 'match'.*exact, match, number"):
        make_verifier("matsch", judge=None)
