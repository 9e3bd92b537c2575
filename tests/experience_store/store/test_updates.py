"""What every backend of the store must do. Runs on SQLite."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import (
    BadInputError,
    ConflictError,
    HeadMovedError,
    LeaseLostError,
    LibraryNotFoundError,
    NotFoundError,
    StorageError,
)
from experience_store.index_cache import IndexCache
from experience_store.library import Policy
from experience_store.operations import Add, Retire, Revise, normalise_id
from experience_store.scoped import ScopedStore
from experience_store.sqlite.store import SqliteStore
from experience_store.store import GivenAnswer, Retrieval, Store, Token, Usage, digest_of
from experience_store.testing import sensible_answer
from experience_store.update_runner import (
    ResumedUpdate,
    UpdateRunner,
    _publication,  # pyright: ignore[reportPrivateUsage]  # a race is hard to win otherwise
)
from tests.builders import add, answer, attempt, operation, submission, talk
from tests.server.http.serving import writing


def runner(store: Store) -> UpdateRunner:
    return UpdateRunner(store, IndexCache(store))


async def learned(
    store: Store, *operations: dict[str, object], library: str = "lib"
) -> ResumedUpdate:
    """One group submitted and learned from, its comparison answered with these operations."""
    await store.groups.submit(library, submission(task=f"Task {operations}"))
    made = runner(store)
    update_id = await made.begin(library, "host", 1)
    assert update_id
    work = await made.resume(update_id)
    await made.ask(work)
    work, _ = await made.answer(work, [("compare-1", answer(*operations))])
    while requests := await made.ask(work):
        work, _ = await made.answer(work, [(r.id, sensible_answer(r.prompt)) for r in requests])
    return await made.finish(work, author="host test")


async def entries(store: Store, version: int | None = None) -> dict[str, str]:
    return {e.id: e.text for e in (await store.libraries.state("lib", version)).experiences}


async def test_a_library_comes_into_being_on_first_use(store: Store) -> None:
    made = await store.libraries.ensure("support-desk")

    assert (made.head, made.size) == (0, 0)
    assert await store.libraries.names("supp") == ("support-desk",)
    assert (await store.libraries.version("support-desk", 0)).parent is None


@pytest.mark.parametrize("name", ["", "Has Capitals", "../up", "a/b", "-a", "a" * 65, "ü"])
async def test_a_bad_library_name_is_refused_with_a_better_one(store: Store, name: str) -> None:
    with pytest.raises(BadInputError, match="is not a valid library name"):
        await store.libraries.ensure(name)


async def test_an_unknown_library_is_named_with_those_that_come_close(store: Store) -> None:
    await store.libraries.ensure("airline")

    with pytest.raises(LibraryNotFoundError, match="did you mean airline"):
        await store.libraries.get("airlines")


async def test_objectives_and_policy_are_kept(store: Store) -> None:
    policy = Policy(max_words=20, min_spread=0.5, learn_without_rewards=True)
    await store.libraries.describe(
        "lib", agent_objective="books flights", learning_objective=None, policy=policy
    )

    kept = await store.libraries.get("lib")

    assert (kept.agent_objective, kept.policy) == ("books flights", policy)


async def test_a_group_is_stored_with_all_that_was_sent(store: Store) -> None:
    sent = talk(
        "user: Refund me",
        'call: refund {"id": 7}',
        "tool: Error: not eligible",
        "assistant: I cannot.",
        reward=-0.5,
    )
    sent = replace(sent, feedback="wrong", model="m", metadata='{"a": 1}')
    await store.groups.submit("lib", submission(sent, group_id="g", ground_truth="no refund"))

    kept = await store.groups.get("lib", "g")

    assert kept.trajectories == (sent,)
    assert (kept.task, kept.ground_truth) == ("Book a flight", "no refund")


async def test_sending_the_same_again_changes_nothing(store: Store) -> None:
    group = submission(group_id="g")
    await store.groups.submit("lib", group)

    again = await store.groups.submit("lib", group)

    assert (again.added, again.known, again.trajectories) == (0, 2, 2)


async def test_equal_attempts_without_ids_count_each_and_resending_them_changes_nothing(
    store: Store,
) -> None:
    same = replace(attempt("42", 1.0), id="")
    group = submission(same, same, replace(attempt("41", 0.0), id=""), group_id="g")

    first = await store.groups.submit("lib", group)
    second = await store.groups.submit("lib", group)

    assert (first.added, second.added, second.trajectories) == (3, 0, 3)


async def test_a_group_grows_until_it_has_signal(store: Store) -> None:
    first = await store.groups.submit("lib", submission(attempt("a", 1.0), group_id="g"))
    second = await store.groups.submit("lib", submission(attempt("b", 0.0), group_id="g"))

    assert (first.signal, second.signal, second.trajectories) == (False, True, 2)
    assert second.waiting == 1


async def test_a_reward_may_come_late_and_may_not_change(store: Store) -> None:
    unscored = attempt("a", None, id="a")
    await store.groups.submit("lib", submission(unscored, attempt("b", 0.0), group_id="g"))

    scored = await store.groups.submit(
        "lib", submission(replace(unscored, reward=1.0), group_id="g")
    )

    assert (scored.scored, scored.signal) == (1, True)
    with pytest.raises(ConflictError, match="stored with reward 1"):
        await store.groups.submit("lib", submission(replace(unscored, reward=2.0), group_id="g"))


@pytest.mark.parametrize(
    "other",
    [
        submission(task="Another task", group_id="g"),
        submission(ground_truth="other", group_id="g"),
        submission(attempt("another content", 1.0, id="w"), group_id="g"),
        submission(attempt("x", 1.0, id="n"), attempt("y", 1.0, id="n"), group_id="g"),
    ],
    ids=["task", "ground truth", "content", "two of one id"],
)
async def test_a_contradiction_is_refused_and_stores_nothing(store: Store, other: object) -> None:
    await store.groups.submit("lib", submission(group_id="g", ground_truth="right"))

    with pytest.raises(ConflictError, match=r"different|another one with this id"):
        await store.groups.submit("lib", other)  # type: ignore[arg-type]

    assert len((await store.groups.get("lib", "g")).trajectories) == 2


async def test_a_secret_is_redacted_before_it_is_stored(store: Store, database: Path) -> None:
    secret = "AKIAIOSFODNN7" + "EXAMPLQ"
    receipt = await store.groups.submit(
        "lib", submission(attempt(f"the key is {secret}", 1.0), group_id="g")
    )

    kept = (await store.groups.get("lib", "g")).trajectories[0].messages[0].text
    await store.close()

    assert receipt.redacted == 1
    assert secret not in kept
    assert secret.encode() not in b"".join(
        p.read_bytes() for p in database.parent.iterdir() if p.is_file()
    )


async def test_a_version_is_immutable_and_a_rollback_makes_a_new_one(store: Store) -> None:
    await learned(store, add("When one, do one."))
    await learned(store, operation("Revise", "G1", experience="When one, do two."))
    await learned(store, add("When three, do three."))

    rolled = await store.libraries.roll_back("lib", 1, author="cli", note="back")

    assert await entries(store) == {"G1": "When one, do one."}
    assert await entries(store, 3) == {"G1": "When one, do two.", "G2": "When three, do three."}
    assert (rolled.number, rolled.parent, rolled.note) == (4, 3, "back")


async def test_an_id_is_never_given_again_even_after_a_rollback(store: Store) -> None:
    await learned(store, add("When one, do one."))
    await store.libraries.roll_back("lib", 0, author="cli", note="back")
    await learned(store, add("When two, do two."))

    assert await entries(store) == {"G2": "When two, do two."}


async def test_an_edit_by_hand_is_a_version_and_a_bad_one_changes_nothing(store: Store) -> None:
    await store.libraries.edit("lib", [Add("n", "Do this.")], author="cli", note="by hand")

    with pytest.raises(BadInputError, match="G9"):
        await store.libraries.edit("lib", [Retire("G1"), Retire("G9")], author="cli", note="")

    assert await entries(store) == {"G1": "Do this."}


async def test_an_experience_is_traced_to_the_answers_and_attempts_that_made_it(
    store: Store,
) -> None:
    await learned(store, add("When one, do one."))
    await learned(store, operation("Revise", "G1", experience="When one, do two."))
    await learned(store, operation("Retire", "G1"))

    trace = await store.libraries.provenance("lib", "g1")

    assert [type(o.operation) for o in trace.origins] == [Add, Revise, Retire]
    assert not trace.current
    first = trace.origins[0]
    assert [a.reward for a in first.groups[0].attempts] == [1.0, 0.0]
    assert "It checked first." in first.answers[0].text
    assert first.author == "host test"


async def test_refusals_are_kept_with_their_reason_also_when_nothing_was_published(
    store: Store,
) -> None:
    closed = await learned(store, operation("Retire", "G5"))

    assert closed.record.status == "nothing_to_learn"
    assert closed.record.reason == ("all proposals were refused: G5 does not exist in this version")


async def test_two_updates_that_finish_at_once_both_take_effect(store: Store) -> None:
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


async def test_an_update_whose_entry_was_changed_meanwhile_asks_once_more(store: Store) -> None:
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


async def test_publishing_on_another_head_is_refused(store: Store) -> None:
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
        await store.updates.publish(update_id, _publication(outcome, "host"))


async def test_groups_are_taken_by_one_update_only_and_wait_again_when_they_grow(
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


async def test_attempts_that_come_during_an_update_are_not_part_of_it(store: Store) -> None:
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


async def test_a_group_that_fails_three_times_is_set_aside_until_it_is_asked_for(
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


async def test_an_answer_survives_the_process_and_is_not_asked_for_again(database: Path) -> None:
    before = await open_store(database)
    for task in ("one", "two"):
        await before.groups.submit("lib", submission(task=task))
    made = runner(before)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    work = await made.resume(update_id)
    await made.ask(work)
    await made.answer(work, [("compare-1", answer(add("When one, do one.")))])
    await before.close()

    after = await open_store(database)
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


async def test_a_refused_answer_is_kept_and_after_three_the_request_is_given_up(
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


async def test_a_lease_is_held_by_one_owner_until_it_runs_out(store: Store) -> None:
    await store.groups.submit("lib", submission())
    update_id = await runner(store).begin("lib", "model", 8, ("one", 60.0))
    assert update_id

    assert await store.updates.lease(None, "two", 60.0, 0.0) is None
    with pytest.raises(LeaseLostError):
        await store.updates.keep(update_id, "two", 60.0)
    await store.updates.keep(update_id, "one", -1.0)
    assert await store.updates.lease(None, "two", 60.0, 0.0) == update_id


async def test_a_host_update_is_left_to_its_host_until_it_is_abandoned(store: Store) -> None:
    await store.groups.submit("lib", submission())
    update_id = await runner(store).begin("lib", "host", 8)

    assert await store.updates.lease("lib", "worker", 60.0, 3600.0) is None
    assert await store.updates.lease("lib", "worker", 60.0, -1.0) == update_id


async def test_what_was_served_reaches_the_comparison(store: Store) -> None:
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


async def test_costs_are_summed_up(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "model", 8)
    assert update_id
    work = await made.resume(update_id)
    (request,) = await made.ask(work)
    given = GivenAnswer(request.id, answer(), None, "m", Usage(1, 100, 40, 20, 0.5))
    await made.keep(work, given)

    assert await store.updates.usage("lib") == Usage(1, 100, 40, 20, 0.5)


async def test_groups_wait_without_rewards_only_where_the_library_allows_it(store: Store) -> None:
    unscored = submission(attempt("a", None), attempt("b", None))
    closed = await store.groups.submit("lib", unscored)
    await store.libraries.describe(
        "open",
        agent_objective=None,
        learning_objective=None,
        policy=Policy(learn_without_rewards=True),
    )
    allowed = await store.groups.submit("open", unscored)

    assert (closed.signal, closed.waiting) == (False, 0)
    assert (allowed.signal, allowed.waiting, allowed.will_be_learned) == (False, 1, True)


async def test_the_file_is_for_its_owner_only(missing_database: Path) -> None:
    store = await open_store(missing_database)
    await store.close()

    assert stat.S_IMODE(missing_database.stat().st_mode) == 0o600  # noqa: ASYNC240  # a test waits
    assert store.location == str(missing_database)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database " * 100)

    with pytest.raises(StorageError, match="file is not a database"):
        await open_store(other)


async def test_an_unknown_kind_of_store_is_refused() -> None:
    with pytest.raises(BadInputError, match="unsupported store URL mysql"):
        await open_store("mysql://somewhere/db")


async def test_what_does_not_exist_is_said_so(store: Store) -> None:
    await store.libraries.ensure("lib")

    with pytest.raises(NotFoundError, match="it has 0 to 0"):
        await store.libraries.state("lib", 4)
    with pytest.raises(NotFoundError, match="never had"):
        await store.libraries.provenance("lib", "G1")
    with pytest.raises(NotFoundError, match=r"update .* does not exist"):
        await store.updates.get("update-1")
    with pytest.raises(NotFoundError, match="no group"):
        await store.groups.get("lib", "g")


async def test_an_answer_that_another_gave_first_is_not_published_by_the_second(
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


async def test_an_answer_given_as_an_object_is_read_as_it_is_stored(store: Store) -> None:
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


async def test_a_change_of_policy_is_for_later_updates(store: Store) -> None:
    await store.groups.submit("lib", submission())
    made = runner(store)
    update_id = await made.begin("lib", "host", 8)
    assert update_id
    await store.libraries.describe(
        "lib", agent_objective=None, learning_objective=None, policy=Policy(min_spread=5)
    )

    (request,) = (await made.resume(update_id)).update.requests()

    assert 'reward="1"' in request.prompt


async def test_a_secret_that_is_cut_off_at_the_end_is_redacted_too(store: Store) -> None:
    cut = attempt('config: {"db_password": "Sup3rSecret9', 1.0)

    receipt = await store.groups.submit("lib", submission(cut, attempt("b", 0.0), group_id="g"))

    assert receipt.redacted == 1
    kept = (await store.groups.get("lib", "g")).trajectories[0]
    assert "Sup3rSecret9" not in kept.messages[0].text


async def test_the_totals_are_over_all_libraries(store: Store) -> None:
    await learned(store, add("When in doubt, ask."))
    await store.groups.submit("other", submission())
    await store.retrievals.record([Retrieval("r-1", "lib", 1, "task", ("G1",))])

    totals = await store.totals()

    assert (totals.libraries, totals.experiences) == (2, 1)
    assert (totals.groups, totals.attempts, totals.waiting) == (2, 4, 1)
    assert (totals.retrievals, totals.updates) == (1, {"published": 1})


async def test_a_token_is_found_by_its_digest_until_it_ends(store: Store) -> None:
    now = datetime.now(UTC)
    lasting = Token("t-1", "lasting", frozenset({"read"}), frozenset({"a", "b"}), now, None)
    over = Token("t-2", "over", frozenset({"read"}), None, now, now)
    await store.tokens.add(lasting, digest_of("one"))
    await store.tokens.add(over, digest_of("two"))

    found = await store.tokens.find(digest_of("one"))
    assert found is not None
    assert (found.scopes, found.libraries) == (lasting.scopes, lasting.libraries)
    assert await store.tokens.find(digest_of("two")) is None
    assert await store.tokens.find("one") is None
    assert [t.name for t in await store.tokens.all()] == ["lasting", "over"]

    with pytest.raises(ConflictError, match="already"):
        await store.tokens.add(replace(lasting, id="t-3"), digest_of("three"))
    assert (await store.tokens.revoke("t-1")).name == "lasting"
    assert await store.tokens.find(digest_of("one")) is None
    with pytest.raises(NotFoundError, match="token 'lasting' does not exist"):
        await store.tokens.revoke("lasting")


async def test_a_store_that_is_reached_in_part_counts_only_that_part(store: Store) -> None:
    for name in ("a", "b"):
        await store.groups.submit(name, submission())
    seen = ScopedStore(store, frozenset({"a", "c"}), may_make=False)

    assert (await store.totals()).groups == 2
    assert (await seen.totals()).groups == 1
    assert (await seen.totals({"b"})).groups == 0
    assert list(await seen.groups.waiting()) == ["a"]
    for refused in (seen.libraries.ensure("b"), seen.libraries.ensure("c")):
        with pytest.raises(LibraryNotFoundError, match="existing libraries: a"):
            await refused
    with pytest.raises(NotFoundError, match="tokens"):
        assert seen.tokens
    with pytest.raises(LibraryNotFoundError):
        await seen.archives.export("b", attempts=True)


@pytest.mark.parametrize("spread", [float("inf"), float("nan"), -1.0])
def test_a_policy_whose_spread_is_no_finite_number_is_refused(spread: float) -> None:
    with pytest.raises(BadInputError, match="min_spread"):
        Policy(min_spread=spread)


def test_what_is_too_long_for_an_id_is_none() -> None:
    assert normalise_id(f"[{' ' * 1_000_000}x") is None
    assert normalise_id(" [ G07 ]. ") == "G7"


async def test_what_is_stored_is_not_told_to_who_guesses_a_group(store: Store) -> None:
    await store.groups.submit("lib", submission(group_id="g", task="The task", ground_truth="42!"))
    with pytest.raises(ConflictError) as other_task:
        await store.groups.submit("lib", submission(group_id="g", task="Another"))
    guess = submission(group_id="g", task="The task", ground_truth="41?")
    with pytest.raises(ConflictError) as other_truth:
        await store.groups.submit("lib", guess)

    assert "The task" not in str(other_task.value)
    assert "42!" not in str(other_truth.value)


async def test_of_an_update_that_is_gone_it_is_said_so(store: Store) -> None:
    gone = (
        store.updates.ask("update-1", []),
        store.updates.answer("update-1", []),
        store.updates.rebase("update-1", 1),
        store.updates.set_relevant("update-1", []),
    )
    for call in gone:
        with pytest.raises(NotFoundError, match="update 'update-1' does not exist"):
            await call


async def test_writes_whose_turn_does_not_come_are_given_up_and_leave_nothing(
    store: Store, database: Path
) -> None:
    impatient = await SqliteStore.open(database, busy_seconds=0.2)
    with writing(database):
        waiting = [impatient.groups.submit("lib", submission(task=f"t{n}")) for n in range(5)]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    await impatient.close()

    assert all(isinstance(e, StorageError) and "try again" in str(e) for e in ended)
    assert await store.libraries.all() == ()
