"""Prompts of every step stay within what a model with a small context window reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experience_store.learning.inputs import MODEL, model_budget
from experience_store.library import Policy
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Group
from tests.builders import add, answer, attempt, group, update

WINDOWS = (2_500, 3_000, 4_000, 6_000, 8_000)


def long_group(number: int) -> Group:
    """Everything about it is as long as can be."""
    attempts = [
        replace(attempt("word " * 3_000, float(n % 2), id=f"a{n}"), feedback="why " * 999)
        for n in range(16)
    ]
    made = group(*attempts, id=f"g{number}", task="long task " * 2_000)
    return replace(made, ground_truth="right " * 2_000)


@pytest.mark.parametrize("window", WINDOWS)
def test_comparisons_and_summaries_fit(window: int) -> None:
    budget = model_budget(window)
    (compare,) = update(long_group(1), budget=budget).requests()
    assert estimate_tokens(compare.prompt) <= 1.03 * window
    summaries = update(long_group(1), budget=budget, policy=Policy(summarise_above=500)).requests()
    assert {r.step for r in summaries} == {"summarise"}
    assert all(estimate_tokens(r.prompt) <= 1.03 * window for r in summaries)


@pytest.mark.parametrize("window", WINDOWS)
def test_consolidations_fit(window: int) -> None:
    made = update(*(group(id=f"g{n}") for n in range(50)), budget=model_budget(window))
    words = "check the fare rules of the ticket before you offer anything to the customer at all"
    for number in range(1, 51):
        lesson = add(f"When booking number {number}, {words}.")
        made = made.record(f"compare-{number}", answer(lesson, reasons="because " * 200))
    prompts = [r.prompt for r in made.requests()]
    assert len(prompts) > 1
    assert all(estimate_tokens(prompt) <= window for prompt in prompts)


def test_without_a_bound_nothing_changes_and_a_wide_one_widens_nothing() -> None:
    assert model_budget(None) == MODEL
    assert model_budget(100_000) == MODEL
