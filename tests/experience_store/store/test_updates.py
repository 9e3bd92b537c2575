"""What every backend must do with updates: groups taken, answers kept, versions published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import HeadMovedError, LeaseLostError, NotFoundError
from experience_store.library import Policy
from experience_store.operations import Add
from experience_store.store import Decision, GivenAnswer, Retrieval, Store, Usage
from experience_store.token_estimate import estimate_tokens
from experience_store.update_runner import (
    ResumedUpdate,
    _publication,  # pyright: ignore[reportPrivateUsage]  # a race is hard to win otherwise
)
from tests.builders import add, answer, attempt, operation, submission
from tests.databases import writing
from tests.experience_store.store.learning import entries, learned, runner


async def test_refused_operations_are_kept_with_the_reason_even_if_nothing_is_published(
    store: Store,
) -> None:
    closed = await learned(store, operation("Retire", "G5"))

    assert closed.record.status == "nothing_to_learn"
    assert closed.record.reason == ("all proposals were refused: G5 was not shown in this request")


async def test_concurrent_updates_both_take_effect(store: Store) -> None:
    made = runner(store)
    works: list[ResumedUpdate] = []
    for text in ("When one, do one.", "When two, do two."):
        await store.groups.submit("lib", submission(task=text))
        update_id = await made.begin("lib", "host", 1)
        assert update_id
        work = await made.resume(update_id)
        await made.ask(work)
        work, _ = await made.answer(work, [("compare-1", answer(add(text)))])
        works.append(work)

    for work in works:
        await made.finish(work, author="host")

    assert sorted((await entries(store)).values()) == ["When one, do one.", "When two, do two."]
    assert [v.parent for v in await store.libraries.history("lib", before=None, limit=9)] == [
        1,
        0,
        None,
    ]


async def test_an_update_asks_again_if_its_experience_changed_meanwhile(store: Store) -> None:
    await learned(store, add("When one, do one."))
    made = runner(store)
    works: list[ResumedUpdate] = []
    for text in ("When one, do this.", "When one, do that."):
        await store.groups.submit("lib", submission(task=text))
        update_id = await made.begin("lib", "host", 1)
        assert update_id
        work = await made.resume(update_id)
        revise = operation("Revise", "G1", experience=text)
        work, _ = await made.answer(work, [("compare-1", answer(revise))])
        works.append(work)
    await made.finish(works[0], author="host")

    rebased = await made.finish(works[1], author="host")

    assert rebased.is_open
    (again,) = await made.ask(rebased)
    assert again.id == "consolidate-2-1"
    both = operation("Revise", "G1", experience="When one, do this and that.", from_=["p1"])
    rebased, refused = await made.answer(rebased, [(again.id, answer(both))])
    closed = await made.finish(rebased, author="host")
    assert (closed.record.status, refused) == ("published", ())
    assert await entries(store) == {"G1": "When one, do this and that."}


async def test_publishing_on_a_moved_head_is_refused(store: Store) -> None:
    made = runner(store)
    await store.groups.submit("lib", submission())
    update_id = await made.begin("lib", "host", 1)
    assert update_id
    work = await made.resume(update_id)
    work, _ = await made.answer(work, [("compare-1", answer(add("When one, do one.")))])
    outcome = work.update.outcome()
    assert outcome
    await store.libraries.edit("lib", [Add("n", "Do this.")], author="cli", note="")

    with pytest.raises(HeadMovedError):
        await store.updates.publish(update_id, _publication(outcome, "host", "host"))


async def test_a_group_is_in_one_update_only_and_waits_again_when_it_grows(
    store: Store,
) -> None:
    await store.groups.submit("lib", submission(group_id="g"))
    made = runner(store)

    first, second = await made.begin("lib", "host", 8), await made.begin("lib", "host", 8)
    assert first
    work = await made.resume(first)
    await made.finish((await made.answer(work, [("compare-1", answer())]))[0], author="host")
    idle = await made.begin("lib", "host", 8)
    grown = await store.groups.submit("lib", submission(attempt("new", 0.5), group_id="g"))

    assert (second, idle) == (None, None)
    assert grown.waiting == 1


async def test_attempts_that_arrive_during_an_update_are_not_part_of_it(store: Store) -> None:
    await store.groups.submit("lib", submission(group_id="g"))
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id

    await store.groups.submit("lib", submission(attempt("latecomer", 9.0), group_id="g"))
    work = await made.resume(update_id)
    (request,) = work.update.requests()
    await made.finish((await made.answer(work, [(request.id, answer())]))[0], author="host")

    assert "latecomer" not in request.prompt
    assert (await store.groups.counts("lib")).waiting == 1


async def test_a_group_that_fails_three_times_is_set_aside_until_retried(
    store: Store,
) -> None:
    await store.groups.submit("lib", submission(group_id="g"))
    made = runner(store)
    for _ in range(3):
        update_id = await made.begin("lib", "host", 8)
        assert update_id
        work = await made.give_up(await made.resume(update_id), "compare-1", "no JSON")
        closed = await made.finish(work, author="host")
        assert closed.record.status == "failed"

    assert await made.begin("lib", "host", 8) is None
    assert (await store.groups.counts("lib")).set_aside == 1
    assert await store.groups.retry_set_aside("lib") == 1
    assert await made.begin("lib", "host", 8) is not None


async def test_an_answer_survives_a_restart_and_is_not_asked_for_again(store: Store) -> None:
    for task in ("one", "two"):
        await store.groups.submit("lib", submission(task=task))
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    work = await made.resume(update_id)
    await made.ask(work)
    await made.answer(work, [("compare-1", answer(add("When one, do one.")))])
    await store.close()

    after = await open_store(store.location)
    work = await runner(after).resume(update_id)

    assert [r.id for r in work.update.requests()] == ["compare-2"]
    await after.close()


async def test_a_second_answer_to_the_same_request_changes_nothing(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    work = await made.resume(update_id)
    twin = await made.resume(update_id)
    await made.answer(work, [("compare-1", answer(add("First.")))])
    await made.answer(twin, [("compare-1", answer(add("Second.")))])

    closed = await made.finish(await made.resume(update_id), author="host")

    assert closed.record.status == "published"
    assert await entries(store) == {"G1": "First."}


async def test_the_first_of_two_answers_is_the_one_published(
    store: Store,
) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    one, other = await made.resume(update_id), await made.resume(update_id)
    await made.answer(one, [("compare-1", answer(add("First.")))])

    late, _ = await made.answer(other, [("compare-1", answer(add("Second.")))])
    await made.finish(late, author="host")

    assert await entries(store) == {"G1": "First."}


async def test_refused_answers_are_kept_and_the_third_gives_up_the_request(
    store: Store,
) -> None:
    for task in ("one", "two"):
        await store.groups.submit("lib", submission(task=task))
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    work = await made.resume(update_id)
    await made.ask(work)

    given_up: list[bool] = []
    for _ in range(3):
        work, refused = await made.answer(await made.resume(update_id), [("compare-1", "no")])
        given_up += [r.given_up for r in refused]

    assert given_up == [False, False, True]
    assert [r.id for r in work.update.requests()] == ["compare-2"]
    record = await store.updates.get(update_id)
    assert [a.refused is not None for a in record.answers] == [True] * 3


async def test_an_answer_may_be_an_object_within_the_same_length_limit(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    none: dict[str, object] = {"reasons": "", "operations": []}
    huge = {**none, "extra": "x" * 210_000}

    _, refused = await made.answer(await made.resume(update_id), [("compare-1", huge)])
    work, again = await made.answer(await made.resume(update_id), [("compare-1", none)])

    assert len(refused) == 1
    assert not again
    assert (await made.finish(work, author="host")).record.status == "nothing_to_learn"


async def test_a_lease_has_one_owner_until_it_expires(store: Store) -> None:
    await store.groups.submit("lib", submission())
    update_id = await runner(store).begin("lib", "model", 8, ("one", 60.0))
    assert update_id

    assert await store.updates.lease("lib", "two", 60.0, 0.0) is None
    with pytest.raises(LeaseLostError):
        await store.updates.keep(update_id, "two", 60.0)
    await store.updates.keep(update_id, "one", -1.0)
    assert await store.updates.lease("lib", "two", 60.0, 0.0) == update_id


async def test_a_host_update_is_left_to_its_host_until_it_is_abandoned(store: Store) -> None:
    await store.groups.submit("lib", submission())
    update_id = await runner(store).begin("lib", "host", 8)

    assert await store.updates.lease("lib", "worker", 60.0, 3600.0) is None
    assert await store.updates.lease("lib", "worker", 60.0, -1.0) == update_id


async def test_what_was_written_while_the_clock_was_ahead_does_not_wait_for_it(
    store: Store, database: Path
) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "model", 8, ("one", 60.0))
    assert update_id
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="milliseconds")
    with writing(database) as connection:
        connection.execute("UPDATE learning_update SET leased_till = leased_till + 86400")
        connection.execute("COMMIT")

    assert not (await store.updates.get(update_id)).leased
    assert await store.updates.lease("lib", "two", 60.0, 0.0) == update_id

    await store.updates.release(update_id, "two")
    with writing(database) as connection:
        connection.execute("UPDATE learning_update SET driver = 'host', changed_at = ?", [ahead])
        connection.execute("COMMIT")
    assert await store.updates.lease("lib", "three", 60.0, 3600.0) == update_id


async def test_the_comparison_knows_which_experiences_were_served(store: Store) -> None:
    await store.libraries.edit("lib", [Add("Rule", "Check first.")], author="cli", note="")
    await store.retrievals.record([Retrieval("r-1", "lib", 1, "Book", ("G1",))])
    with_it = attempt("won", 1.0, id="w", retrieval_id="r-1")
    without = attempt("lost", 0.0, id="l", retrieval_id="r-unknown")
    await store.groups.submit("lib", submission(with_it, without))
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id

    (request,) = (await made.resume(update_id)).update.requests()

    assert 'reward="1" experiences_given="G1"' in request.prompt
    assert request.prompt.count("experiences_given") == 1


async def test_usage_is_summed(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "model", 8)
    assert update_id
    work = await made.resume(update_id)
    (request,) = await made.ask(work)
    given = GivenAnswer(request.id, answer(), None, "m", Usage(1, 100, 40, 20, 0.5))
    await made.keep(work, given)

    assert await store.updates.usage("lib") == Usage(1, 100, 40, 20, 0.5)


async def test_a_changed_policy_applies_to_later_updates(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    await store.libraries.describe(
        "lib", agent_objective=None, learning_objective=None, policy=Policy(min_spread=5)
    )

    (request,) = (await made.resume(update_id)).update.requests()

    assert 'reward="1"' in request.prompt


async def test_an_update_that_would_remove_much_is_held_for_a_person(store: Store) -> None:
    await store.groups.submit("lib", submission())
    await learned(store)
    await store.libraries.describe(
        "lib", agent_objective=None, learning_objective=None, policy=Policy(max_lessons=9)
    )
    texts = [f"When case {n} comes up, take road {n * 7}." for n in range(1, 10)]
    await learned(store, *(add(text) for text in texts))
    few = await learned(store, *(operation("Retire", f"G{n}") for n in (1, 2, 3)))
    merged = operation("Merge", "G4", "G5", "G6", experience="When unsure, take road 1.")
    many = await learned(store, merged, operation("Retire", "G7"), operation("Retire", "G8"))

    assert few.record.status == "published"
    assert many.record.status == "awaiting_review"
    assert many.record.reason == (
        "its changes await a person's review: it would remove 4 of 6 experiences, "
        "and an update may remove 30% on its own"
    )
    assert len(await entries(store)) == 6
    (held,) = await store.updates.reviews("lib")
    assert held.reason == many.record.reason

    await store.updates.review(held.update_id, Decision(None, "a person", "agreed"))
    assert await entries(store) == {"G4": "When unsure, take road 1.", "G9": texts[8]}


async def test_what_is_too_long_is_left_out_of_the_last_answer_only(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "host", 1)
    assert update_id
    work = await made.resume(update_id)
    await made.ask(work)
    long = answer(add("When it is late, " + "hurry " * 50))
    for given in ("in prose", long):
        work, (refused,) = await made.answer(work, [("compare-1", given)])
        assert not refused.given_up
        work = await made.resume(update_id)  # as each call does
    assert "Say it shorter" in refused.reason

    work, refused = await made.answer(work, [("compare-1", long)])

    assert refused == ()
    assert (await made.finish(work, author="host")).record.status == "nothing_to_learn"


async def test_calls_for_a_missing_update_name_it(store: Store) -> None:
    gone = (
        store.updates.ask("update-1", []),
        store.updates.answer("update-1", []),
        store.updates.rebase("update-1", 1),
        store.updates.set_relevant("update-1", []),
    )
    for call in gone:
        with pytest.raises(NotFoundError, match="update 'update-1' does not exist"):
            await call


async def test_an_update_keeps_the_bound_of_prompts_that_it_began_with(store: Store) -> None:
    long_one = submission(attempt("word " * 9_000, 1.0, id="a"), attempt("no", 0.0, id="b"))
    made, prompts = runner(store), dict[int | None, list[str]]()
    for bound in (None, 3_000):
        await store.groups.submit("lib", replace(long_one, task=f"Task {bound}"))
        update_id = await made.begin("lib", "model", 1, prompt_bound=bound)
        assert update_id
        prompts[bound] = [r.prompt for r in await made.ask(await made.resume(update_id))]
        again = await runner(store).resume(update_id)  # another process, with another setting
        assert [r.prompt for r in again.update.requests()] == prompts[bound]
        assert again.record.prompt_bound == bound
    assert estimate_tokens(prompts[None][0]) > 8_000
    assert estimate_tokens(prompts[3_000][0]) <= 3_000
