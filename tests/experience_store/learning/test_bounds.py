"""What an answer may change: as much as its request allows, and no more."""

from __future__ import annotations

import pytest

from experience_store.learning.bounds import MAX_MERGED, one_each
from experience_store.learning.inputs import GroupInput
from experience_store.learning.update import Update, UpdateOutcome
from experience_store.library import Library
from tests.builders import add, answer, group, operation, snapshot, state, update

LESSONS = (
    "When the fare is refundable, offer a refund first.",
    "When a passenger brings a dog, look up the cabin rules.",
    "When bags are late, file a report within a day.",
    "When the seat map is empty, offer the window.",
)
MUCH_SAID = state(*(f"When case number {n} comes up, do step {n * 7}." for n in range(1, 301)))


def changed(done: Update) -> UpdateOutcome:
    outcome = done.outcome()
    assert outcome is not None
    return outcome


def reasons(done: Update) -> list[str]:
    return [r.reason for r in changed(done).application.refused]


def ids(done: Update) -> set[str]:
    return set(changed(done).application.state.by_id)


def shown(*which: int) -> Update:
    """An update of one group whose comparison is shown some of 300 experiences."""
    relevant = tuple(MUCH_SAID.experiences[n - 1] for n in which)
    library = Library("lib", MUCH_SAID.version)
    one = update(group(), on=MUCH_SAID)
    return Update(library, (GroupInput(group(), relevant),), (snapshot(MUCH_SAID),), one.budget)


@pytest.mark.parametrize(
    "odd",
    [
        operation("Retire", "G2"),
        operation("Revise", "G2", experience="When asked, do nothing."),
        operation("Merge", "G1", "G2", experience="When asked, do nothing."),
        operation("Keep", "G2"),
    ],
    ids=lambda odd: str(odd["operation"]),
)
def test_a_comparison_changes_only_what_it_was_shown(odd: dict[str, object]) -> None:
    lesson = add("When it rains, take the covered way to the gate.")
    done = shown(1).record("compare-1", answer(odd, lesson))

    assert reasons(done) == ["G2 was not shown in this request"]
    assert ids(done) == {*MUCH_SAID.by_id, "G301"}
    assert changed(done).application.refused[0].operation is not None


def test_a_merge_takes_a_bounded_number() -> None:
    every = range(1, 65)
    merged = operation("Merge", *(f"G{n}" for n in every), experience="When asked, do nothing.")
    done = shown(*every).record("compare-1", answer(merged))

    assert reasons(done) == [f"a Merge takes at most {MAX_MERGED} experiences, not 64"]
    assert ids(done) == set(MUCH_SAID.by_id)


def consolidated(first: dict[str, object], second: dict[str, object], *made: object) -> Update:
    """Two groups that proposed one operation each, and what the consolidation made of them."""
    both = update(group(id="a"), group(id="b"), on=state(*LESSONS))
    both = both.record("compare-1", answer(first))
    both = both.record("compare-2", answer(second))
    return both.record("consolidate-1-1", {"operations": list(made)})


COVERED = add("When it rains, take the covered way to the gate.")
EARLY = add("When the queue is long, go to the gate early.")
DOG = "When a passenger brings a dog, look up the cabin rules"  # nearly G2


def invented(count: int) -> list[dict[str, object]]:
    return [
        {**add(f"When it is {n} o'clock, ring bell {n * 3}."), "from": ["p1"]} for n in range(count)
    ]


def test_a_consolidation_makes_no_more_than_one_operation_of_each_proposal() -> None:
    done = consolidated(COVERED, EARLY, *invented(200))

    assert ids(done) == {"G1", "G2", "G3", "G4", "G5"}
    assert reasons(done).count("more than its proposals allow") == 199


@pytest.mark.parametrize("origin", [["p1"], ["p1", "p2"], ["p2", "p1", "p1"]])
def test_a_consolidation_of_additions_retires_nothing(origin: list[str]) -> None:
    everything = [operation("Retire", f"G{n}", from_=origin) for n in range(1, 5)]
    done = consolidated(COVERED, EARLY, *everything)

    assert ids(done) == {"G1", "G2", "G3", "G4"}
    assert reasons(done).count("more than its proposals allow") == 4


RETIRE = operation("Retire", "G3")
REVISE = operation("Revise", "G1", experience="When the fare is refundable, offer it.")
MERGE = operation("Merge", "G1", "G3", experience="When things are late, file and refund.")
NEARLY = add(f"{DOG} first.")


@pytest.mark.parametrize(
    ("first", "second", "made", "left"),
    [
        (RETIRE, EARLY, operation("Retire", "G3", from_=["p1"]), "G1 G2 G4"),
        (RETIRE, EARLY, operation("Revise", "G3", experience="Milder.", from_=["p1"]), "all"),
        (MERGE, EARLY, {**MERGE, "from": ["p1"]}, "G1 G2 G4"),
        (MERGE, EARLY, operation("Revise", "G3", experience="Milder.", from_=["p1"]), "all"),
        (REVISE, RETIRE, {**MERGE, "from": ["p1", "p2"]}, "G1 G2 G4"),
        (NEARLY, EARLY, operation("Revise", "G2", experience=DOG, from_=["p1"]), "all"),
        (COVERED, EARLY, {**add("When it rains, go early."), "from": ["p1", "p2"]}, "all G5"),
        (COVERED, EARLY, operation("Keep", "G1", from_=["p1"]), "all"),
    ],
)
def test_a_consolidation_carries_out_or_narrows_its_proposals(
    first: dict[str, object], second: dict[str, object], made: dict[str, object], left: str
) -> None:
    done = consolidated(first, second, made)

    assert ids(done) == set(left.replace("all", "G1 G2 G3 G4").split())
    assert "more than its proposals allow" not in reasons(done)


@pytest.mark.parametrize(
    ("first", "second", "made"),
    [
        (RETIRE, EARLY, operation("Retire", "G1", from_=["p1"])),
        (RETIRE, EARLY, {**add("When it is late, hurry."), "from": ["p1"]}),
        (REVISE, EARLY, operation("Retire", "G1", from_=["p1"])),
        (REVISE, EARLY, operation("Revise", "G2", experience="Other.", from_=["p1"])),
        (MERGE, EARLY, operation("Retire", "G1", from_=["p1"])),
        (MERGE, EARLY, operation("Merge", "G1", "G4", experience="Both.", from_=["p1"])),
        (COVERED, EARLY, operation("Revise", "G1", experience="Other.", from_=["p1", "p2"])),
        (COVERED, EARLY, operation("Merge", "G1", "G2", experience="Both.", from_=["p1", "p2"])),
        (NEARLY, EARLY, operation("Retire", "G2", from_=["p1"])),
    ],
)
def test_a_consolidation_exceeds_no_proposal(
    first: dict[str, object], second: dict[str, object], made: dict[str, object]
) -> None:
    done = consolidated(first, second, made)

    assert ids(done) == {"G1", "G2", "G3", "G4"}
    assert "more than its proposals allow" in reasons(done)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([["a"], ["a"]], ["a", None]),
        ([["a", "b"], ["a"]], ["b", "a"]),
        ([["a", "b"], ["a", "c"], ["a"]], ["b", "c", "a"]),
        ([[], ["a"]], [None, "a"]),
        ([], []),
    ],
)
def test_as_many_operations_as_possible_have_a_proposal_of_their_own(
    wanted: list[list[str]], found: list[str | None]
) -> None:
    assert one_each(wanted) == found


def test_very_many_operations_are_matched_with_few_proposals() -> None:
    names = [f"p{n}" for n in range(40)]
    found = one_each([names] * 256)

    assert {name for name in found if name} == set(names)
