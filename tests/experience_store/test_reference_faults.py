"""Every fault of the reference implementation that we must not have, each under its own name."""

from __future__ import annotations

import json

import pytest

from experience_store.errors import AnswerRefusedError
from experience_store.learning.inputs import MODEL
from experience_store.learning.update import Update, UpdateOutcome
from experience_store.library import Policy
from experience_store.operations import Add, Merge, Retire, Revise
from experience_store.token_estimate import estimate_tokens
from tests.builders import add, answer, attempt, group, operation, snapshot, state, update
from tests.parameters import first_of


def outcome_of(of: Update) -> UpdateOutcome:
    outcome = of.outcome()
    assert outcome is not None
    return outcome


def texts(outcome: UpdateOutcome) -> dict[str, str]:
    return {e.id: e.text for e in outcome.application.state.experiences}


def reasons(outcome: UpdateOutcome) -> list[str]:
    return [refusal.reason for refusal in outcome.application.refused]


@pytest.mark.parametrize("content", ["", None])
def test_a_retire_with_empty_content_is_not_skipped(content: str | None) -> None:
    retire = {**operation("Retire", "G1"), "name": content, "experience": content}

    outcome = outcome_of(update(on=state("Old.", "Kept.")).record("compare-1", answer(retire)))

    assert texts(outcome) == {"G2": "Kept."}
    assert [a.operation for a in outcome.application.applied] == [Retire("G1")]


def test_one_malformed_answer_does_not_lose_the_other_groups_work() -> None:
    two = update(group(id="good"), group(id="bad", task="Another task"))
    two = two.record("compare-1", answer(add("When booking, check the fare rules first.")))
    for malformed in ("no JSON at all", '{"reasons": "x"', "[1, 2]"):
        with pytest.raises(AnswerRefusedError):
            two.record("compare-2", malformed)

    outcome = outcome_of(two.give_up("compare-2", "two answers could not be used"))

    assert list(texts(outcome).values()) == ["When booking, check the fare rules first."]
    assert outcome.learned == ("good",)
    assert outcome.failed == {"bad": "two answers could not be used"}


@pytest.mark.parametrize(
    "written",
    [
        r"With \frac{a}{b}, bound \theta \times \nabla f by \binom{n}{k} \underline{first}.",
        r"With \\frac{a}{b}, bound \\theta \\times \\nabla f by \\binom{n}{k} \\underline{first}.",
    ],
    ids=["single backslashes", "escaped backslashes"],
)
def test_latex_backslashes_neither_break_nor_distort_json(written: str) -> None:
    raw = (
        '{"reasons": "", "operations": [{"operation": "Add", "ids": [], "name": "Bounds", '
        f'"experience": "{written}"}}]}}'
    )

    outcome = outcome_of(update().record("compare-1", raw))

    meant = r"With \frac{a}{b}, bound \theta \times \nabla f by \binom{n}{k} \underline{first}."
    assert texts(outcome) == {"G1": meant}


@pytest.mark.parametrize("written", ["[G1]", "g1", 1, "1", "G1.", "G01"])
def test_a_bracketed_or_integer_id_is_understood(written: object) -> None:
    revise = operation("Revise", written, experience="When booking, read the rules.")

    outcome = outcome_of(update(on=state("Old.")).record("compare-1", answer(revise)))

    assert texts(outcome) == {"G1": "When booking, read the rules."}


@pytest.mark.parametrize("kind", ["Revise", "Retire"])
def test_an_operation_on_an_unknown_id_is_refused_and_not_turned_into_an_add(kind: str) -> None:
    unknown = operation(kind, "G7", experience="When booking, read the rules.")

    outcome = outcome_of(update(on=state("Old.")).record("compare-1", answer(unknown)))

    assert texts(outcome) == {"G1": "Old."}
    assert reasons(outcome) == ["G7 was not shown in this request"]


@pytest.mark.parametrize("kind", ["add", "ADD", " Add "])
def test_lower_case_operation_names_are_not_ignored(kind: str) -> None:
    lower = operation(kind, experience="When booking, read the rules.")

    assert texts(outcome_of(update().record("compare-1", answer(lower)))) == {
        "G1": "When booking, read the rules."
    }


@pytest.mark.parametrize(
    ("kind", "ids"), [("Add", ()), ("Revise", ("G1",)), ("Merge", ("G1", "G2"))]
)
def test_space_around_a_name_and_a_text_is_stripped(kind: str, ids: tuple[str, ...]) -> None:
    spaced = operation(kind, *ids, name=" Rules first\n", experience=" Read the rules.\n")

    outcome = outcome_of(update(on=state("Old.", "Older.")).record("compare-1", answer(spaced)))

    (applied,) = outcome.application.applied
    assert isinstance(applied.operation, Add | Revise | Merge)
    assert (applied.operation.name, applied.operation.text) == ("Rules first", "Read the rules.")


def test_an_unknown_operation_name_is_refused_and_not_taken_for_an_add() -> None:
    good, odd = add("When booking, read the rules."), operation("Replace", "G1", experience="x")

    outcome = outcome_of(update(on=state("Old.")).record("compare-1", answer(good, odd)))

    assert texts(outcome) == {"G1": "Old.", "G2": "When booking, read the rules."}
    assert "is not an operation" in reasons(outcome)[0]


def test_ids_are_not_renumbered_at_each_step() -> None:
    first = update(on=state("One.", "Two.", "Three."))
    first = first.record("compare-1", answer(operation("Retire", "G1"), add("Four.")))
    after = outcome_of(first).application.state

    second = update(on=after).record("compare-1", answer(operation("Retire", "G4"), add("Five.")))

    assert texts(outcome_of(first)) == {"G2": "Two.", "G3": "Three.", "G4": "Four."}
    assert texts(outcome_of(second)) == {"G2": "Two.", "G3": "Three.", "G5": "Five."}


@pytest.mark.parametrize("again", ["Check the rules.", "check  THE rules", "Check the rules!"])
def test_exact_duplicates_are_not_added(again: str) -> None:
    three = update(on=state("Check the rules.")).record("compare-1", answer(add(again)))

    outcome = outcome_of(three)

    assert texts(outcome) == {"G1": "Check the rules."}
    assert reasons(outcome) == ["G1 already says exactly this"]


def test_a_batch_without_operations_is_not_asked_about() -> None:
    both = update(group(id="a"), group(id="b"))
    both = both.record("compare-1", answer()).record("compare-2", answer(operation("Keep")))

    assert both.requests() == ()
    assert not outcome_of(both).application.changed
    assert outcome_of(both).learned == ("a", "b")


def test_what_consolidation_invents_is_refused() -> None:
    both = update(group(id="a"), group(id="b"))
    both = both.record("compare-1", answer(add("When booking, read the rules.")))
    both = both.record("compare-2", answer(add("When refunding, ask for the reason.")))
    passed = operation("Add", experience="When booking, read the rules.", from_=["p1"])
    invented = operation("Add", experience="When bored, sing.", from_=[])

    outcome = outcome_of(both.record("consolidate-1-1", answer(passed, invented)))

    assert texts(outcome) == {"G1": "When booking, read the rules."}
    assert reasons(outcome) == [
        "invented in consolidation: it names no proposal that it comes from",
        "dropped in consolidation",
    ]


def test_an_unscored_attempt_is_not_counted_as_reward_0() -> None:
    unscored = attempt("the verifier timed out", None, id="u")
    won = group(attempt("won", 1.0, id="w"), attempt("won too", 1.0, id="v"), unscored)
    mixed = group(attempt("won", 1.0, id="w"), attempt("lost", 0.0, id="l"), unscored)

    prompt = update(mixed).requests()[0].prompt

    assert not won.has_signal(0.0)
    assert mixed.has_signal(0.0)
    assert "the verifier timed out" not in prompt
    assert "1 unscored attempts are left out" in prompt


@pytest.mark.parametrize(
    ("rewards", "signal"),
    [((1.0, 2.0), True), ((-3.0, -1.0), True), ((0.0, 0.0), False), ((5.0, 5.0), False)],
)
def test_signal_depends_on_the_spread_and_not_on_a_mean_between_0_and_1(
    rewards: tuple[float, float], *, signal: bool
) -> None:
    attempts = [attempt(f"attempt {i}", r, id=str(i)) for i, r in enumerate(rewards)]

    assert group(*attempts).has_signal(0.0) is signal


def test_two_groups_with_the_same_question_text_stay_separate() -> None:
    twins = update(
        group(attempt("left won", 1.0), attempt("left lost", 0.0), id="left"),
        group(attempt("right won", 1.0), attempt("right lost", 0.0), id="right"),
    )

    left, right = twins.requests()

    assert "left won" in left.prompt
    assert "right won" not in left.prompt
    assert "right won" in right.prompt


@pytest.mark.parametrize("words", first_of(50_000, 400_000))
def test_an_attempt_too_long_for_the_context_does_not_kill_the_call(words: int) -> None:
    giant = attempt("word " * words, 0.0, id="giant")
    long_group = group(attempt("won", 1.0, id="w"), giant)
    frugal = update(long_group).requests()
    rich = update(long_group, budget=MODEL, policy=Policy(summarise_above=2_000)).requests()

    assert estimate_tokens(frugal[0].prompt) < 6_000
    assert [r.step for r in rich] == ["summarise"]
    assert estimate_tokens(rich[0].prompt) < 25_000


def test_a_summary_that_fails_does_not_lose_its_group() -> None:
    giant = attempt("word " * 50_000, 0.0, id="giant")
    rich = update(group(attempt("won", 1.0, id="w"), giant), budget=MODEL)

    rich = rich.give_up("summarise-1-2", "the model refused it")

    assert [r.id for r in rich.requests()] == ["compare-1"]
    assert estimate_tokens(rich.requests()[0].prompt) < 10_000


def test_a_step_whose_plan_cannot_be_read_is_not_marked_complete() -> None:
    both = update(*(group(id=id_) for id_ in "abcd"))
    both = both.record("compare-1", answer(add("When booking, read the rules.")))
    both = both.record("compare-2", answer(add("When refunding, ask for the reason.")))
    both = both.record("compare-3", answer(add("Read the rules when booking.")))
    both = both.record("compare-4", answer())

    outcome = outcome_of(both.give_up("consolidate-1-1", "no JSON"))

    assert outcome.learned == ("a", "b", "d")
    assert outcome.failed == {"c": "consolidation failed: no JSON"}
    assert texts(outcome) == {
        "G1": "When booking, read the rules.",
        "G2": "When refunding, ask for the reason.",
    }
    assert [r.sources for r in outcome.application.refused] == [("compare-3",)]


def test_without_a_consolidation_nothing_is_added_beside_what_says_the_same() -> None:
    known = "When booking a reservation, check the fare rules and baggage allowance"
    one = update(on=state(f"{known}."))
    one = one.record("compare-1", answer(add(f"{known} twice.")))

    outcome = outcome_of(one.give_up("consolidate-1-1", "no JSON"))

    assert outcome.learned == ()
    assert not outcome.application.changed


def test_an_answer_that_is_json_within_json_is_read() -> None:
    text = answer(add("When booking, read the rules."))

    wrapped = update().record("compare-1", f"Here it is:\n```json\n{text}\n```\nDone.")
    plain = update().record("compare-1", json.loads(text))

    assert texts(outcome_of(wrapped)) == texts(outcome_of(plain))


def test_only_operations_on_changed_experiences_are_consolidated_again() -> None:
    before = state("Check the rules.", "Ask for the name.")
    both = update(on=before)
    both = both.record(
        "compare-1",
        answer(
            operation("Revise", "G1", experience="When booking, check the rules."),
            add("When it rains, offer another date."),
        ),
    )
    after = outcome_of(
        update(on=before).record(
            "compare-1", answer(operation("Revise", "G1", experience="Read all rules aloud."))
        )
    ).application.state

    rebased = both.rebase(snapshot(after))

    (again,) = rebased.requests()
    assert again.id == "consolidate-2-1"
    assert "Read all rules aloud." in again.prompt
    assert "it rains" not in again.prompt
    settled = rebased.record(
        again.id,
        answer(operation("Revise", "G1", experience="When booking, read all rules.", from_=["p1"])),
    )
    assert list(texts(outcome_of(settled)).values()) == [
        "When booking, read all rules.",
        "Ask for the name.",
        "When it rains, offer another date.",
    ]


def test_a_moved_head_needs_no_call_if_nothing_the_update_touches_changed() -> None:
    before = state("Check the rules.", "Ask for the name.")
    mine = update(on=before).record("compare-1", answer(operation("Retire", "G1")))
    theirs = update(on=before).record("compare-1", answer(operation("Retire", "G2")))

    rebased = mine.rebase(snapshot(outcome_of(theirs).application.state))

    assert rebased.requests() == ()
    assert texts(outcome_of(rebased)) == {}


def test_proposals_carry_the_requests_that_made_them() -> None:
    both = update(group(id="a"), group(id="b"))
    both = both.record("compare-1", answer(add("When booking, read the rules.")))
    both = both.record("compare-2", answer(add("When booking, read all the rules.")))
    merged = operation("Add", experience="When booking, read the rules.", from_=["p1", "p2"])

    (applied,) = outcome_of(both.record("consolidate-1-1", answer(merged))).application.applied

    assert isinstance(applied.operation, Add)
    assert applied.sources == ("compare-1", "compare-2", "consolidate-1-1")


def test_a_proposal_may_be_kept_without_repeating_its_text() -> None:
    both = update(group(id="a"), group(id="b"))
    both = both.record("compare-1", answer(add("When booking, read the rules.")))
    both = both.record("compare-2", answer(add("When refunding, ask for the reason.")))
    passed = [operation("Add", name="", from_=[p]) for p in ("p1", "p2")]

    outcome = outcome_of(both.record("consolidate-1-1", answer(*passed)))

    assert list(texts(outcome).values()) == [
        "When booking, read the rules.",
        "When refunding, ask for the reason.",
    ]


def test_keeping_everything_in_consolidation_does_not_make_proposals_vanish() -> None:
    both = update(group(id="a"), group(id="b"))
    both = both.record("compare-1", answer(add("When booking, read the rules.")))
    both = both.record("compare-2", answer(add("When refunding, ask for the reason.")))
    keep = operation("Keep", from_=["p1", "p2"])

    outcome = outcome_of(both.record("consolidate-1-1", answer(keep)))

    assert reasons(outcome) == ["dropped in consolidation"] * 2


def test_an_empty_revise_is_not_turned_into_the_add_it_names() -> None:
    both = update(group(id="a"), group(id="b"), on=state("Old."))
    both = both.record("compare-1", answer(add("When booking, read the rules.")))
    both = both.record("compare-2", answer(operation("Retire", "G1")))
    odd = operation("Revise", "G1", name="", from_=["p1"])

    outcome = outcome_of(both.record("consolidate-1-1", answer(odd)))

    assert texts(outcome) == {"G1": "Old."}
    assert "more than its proposals allow" in reasons(outcome)


def test_true_is_not_an_id() -> None:
    retire = operation("Retire", True)
    with pytest.raises(AnswerRefusedError, match="are not ids"):
        update(on=state("Old.")).record("compare-1", answer(retire))


def test_different_rewards_are_shown_as_different() -> None:
    close = group(attempt("a", 1_000_000.1, id="a"), attempt("b", 1_000_000.2, id="b"))

    prompt = update(close).requests()[0].prompt

    assert 'reward="1000000.1"' in prompt
    assert 'reward="1000000.2"' in prompt
