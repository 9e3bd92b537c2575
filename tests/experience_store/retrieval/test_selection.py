"""Which experiences are served within a token budget."""

from __future__ import annotations

import pytest

from experience_store.library import State
from experience_store.retrieval import Document, Index, Selection, select
from tests.experience_store.retrieval.lessons import AIRLINE, Writer, ids, lesson


def library(*documents: Document) -> tuple[State, Index]:
    experiences = tuple(d.experience for d in documents)
    return State("default", 1, experiences), Index.build(documents)


def served(selection: Selection) -> list[str]:
    return [e.id for e in selection.experiences]


def test_a_library_that_fits_is_served_whole_best_first() -> None:
    state, index = library(*AIRLINE)
    selection = select(state, index, "delayed flight", 1_000)
    assert served(selection) == ["G3", "G2", "G1"]
    assert (selection.omitted, selection.tokens) == (0, index.tokens)


@pytest.mark.parametrize("task", [None, "", "xylophone", "the a of and you are"])
def test_without_a_match_the_newest_come_first(task: str | None) -> None:
    state, index = library(*AIRLINE)
    assert served(select(state, index, task, 1_000)) == ["G3", "G2", "G1"]
    assert served(select(state, index, task, index.tokens - 1)) == ["G3", "G2"]
    assert served(select(state, index, task, index.cost("G3"))) == ["G3"]


def test_the_budget_is_not_filled_with_what_does_not_match() -> None:
    state, index = library(*AIRLINE)
    selection = select(state, index, "delayed flight", index.tokens - 1)
    assert (served(selection), selection.omitted) == (["G3"], 2)


def test_a_shorter_lesson_does_not_replace_a_better_one() -> None:
    long = lesson(1, "Bags: " + "count all the bags again, " * 5)
    state, index = library(long, lesson(2, "Weigh bags."), *AIRLINE[2:])
    assert ids(index, "bags count again") == ["G1", "G2"]
    selection = select(state, index, "bags count again", index.cost("G1") - 1)
    assert selection == Selection((), 3, 0)


def test_a_smaller_budget_gets_a_prefix_of_what_a_larger_one_gets() -> None:
    writer = Writer(4)
    state, index = library(*(writer.lesson(n) for n in range(1, 41)))
    for task in (writer.text(6), "xylophone", None):
        some: list[str] = []
        for budget in range(0, index.tokens + 9, 9):
            more = served(select(state, index, task, budget))
            assert more[: len(some)] == some
            some = more
        assert len(some) == 40


@pytest.mark.parametrize("max_tokens", [-5, 0, 1, 5])
def test_a_budget_too_small_for_any_lesson_selects_nothing(max_tokens: int) -> None:
    assert select(*library(*AIRLINE), "bags", max_tokens) == Selection((), 3, 0)


@pytest.mark.parametrize("max_tokens", [0, 100])
def test_an_empty_library_serves_nothing_and_omits_nothing(max_tokens: int) -> None:
    assert select(*library(), "bags", max_tokens) == Selection((), 0, 0)


def test_the_budget_is_kept_and_well_used() -> None:
    writer = Writer(3)
    state, index = library(*(writer.lesson(n) for n in range(1, 201)))
    for budget in range(50, 2_000, 130):
        selection = select(state, index, writer.text(40), budget)
        assert selection.tokens == sum(index.cost(id_) for id_ in served(selection)) <= budget
        assert selection.tokens > budget - max(index.cost(e.id) for e in state.experiences)
        assert len(selection.experiences) + selection.omitted == 200


def test_an_index_of_another_version_is_refused() -> None:
    state, _ = library(*AIRLINE)
    with pytest.raises(ValueError, match="not of version 1"):
        select(state, Index.build(AIRLINE[1:]), "bags", 100)
