"""Thoughts, told apart from answers, in the marks of many models."""

from __future__ import annotations

from experience_store.thoughts import split_thoughts, without_thoughts

HARMONY = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>4"
TOLD_APART = (
    ("<think>hm</think>4", "hm", "4"),
    ("<think>\n\n</think>\n\n4", "", "4"),
    ("<thinking>hm</thinking>4", "hm", "4"),
    ("<THINK>hm</THINK>4", "hm", "4"),
    ("<reasoning>hm</reasoning><answer>4</answer>", "hm", "<answer>4</answer>"),
    ("[THINK]hm[/THINK]4", "hm", "4"),
    ("<seed:think>hm</seed:think>4", "hm", "4"),
    ("◁think▷hm◁/think▷4", "hm", "4"),
    ("<longcat_think>hm</longcat_think>4", "hm", "4"),
    (
        "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>4<|end_of_solution|>",
        "hm",
        "4",
    ),
    ("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>4<|END_RESPONSE|>", "hm", "4"),
    ("<|channel>thought\nhm<channel|>4", "hm", "4"),
    ("<scratchpad>hm</scratchpad>4", "hm", "4"),
    ("<think>hm</think><response>4</response>", "hm", "4"),
    ("Here is my thought process: hm\n\nHere is my response: 4", "hm", "4"),
    ("Here's my thought process: hm", "hm", ""),
    ("<|im_start|>assistant<|im_sep|><think>hm</think>4<|im_end|>", "hm", "4"),
    ("<think>hm</think><|begin_of_box|>4<|end_of_box|>", "hm", "4"),
    ("<think>hm</think>4<\uff5cend\u2581of\u2581sentence\uff5c>", "hm", "4"),
    (HARMONY, "hm", "4"),
    (f"{HARMONY}<|return|>", "hm", "4"),
    ("<|channel|>analysis\nhm\n<|channel|>final\n4", "hm", "4"),
    ("hm<|channel|>final<|message|>4", "hm", "4"),
    ("analysishmassistantfinal4", "hm", "4"),
    # an end without a beginning, or one too many
    ("hm</think>4", "hm", "4"),
    ("hm◁/think▷4", "hm", "4"),
    ("hm[/THINK]4", "hm", "4"),
    ("hm</think>hm</think>4", "hm\nhm", "4"),
    ("<think>hm</think>4</think>", "hm", "4"),
    # never ended: all of it is thoughts
    ("<think>hm", "hm", ""),
    ("4\n<think>hm", "hm", "4"),
    ("hm</think>", "hm", ""),
    ("<|channel|>analysis<|message|>hm", "hm", ""),
    # nested, repeated, with code
    ("<think>a <think>b</think> c</think>4", "a <think>b</think> c", "4"),
    ("<think>a</think>4<think>b</think>5", "a\nb", "4\n5"),
    ("The answer is 4. <think>hm</think>", "hm", "The answer is 4."),
    ("<think>a ``` b</think>4 ```<think>```", "a ``` b", "4 ```<think>```"),
    ("a ``` b</think>4", "a ``` b", "4"),
)
WITHOUT = (
    "4",
    "",
    "x < 3 and [1, 2]",
    "Use the <think> tag for that.",
    "Write `<think>` and `</think>` around it.",
    "```xml\n<think>\n```",
    "analysis of the assistant's final answer",
    "  indented",
)


def test_thoughts_are_told_from_the_answer() -> None:
    for text, thoughts, answer in TOLD_APART:
        assert split_thoughts(text) == (thoughts, answer), text


def test_a_text_without_thoughts_is_the_answer_as_it_is() -> None:
    for text in WITHOUT:
        assert without_thoughts(text) == text


def test_tokens_around_an_answer_are_no_part_of_it() -> None:
    assert without_thoughts("4<|im_end|>") == "4"


def test_long_texts_take_no_time() -> None:
    for text in ("<think>" * 50_000, "</think>" * 50_000, "`<" * 100_000, "<|channel|>" * 20_000):
        without_thoughts(text)
