"""What every backend must do with submitted groups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experience_store.errors import ConflictError
from experience_store.library import Policy
from experience_store.store import Store
from tests.builders import attempt, submission, talk


async def test_a_group_is_stored_as_it_was_sent(store: Store) -> None:
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


async def test_resending_a_group_changes_nothing(store: Store) -> None:
    group = submission(group_id="g")
    await store.groups.submit("lib", group)

    again = await store.groups.submit("lib", group)

    assert (again.added, again.known, again.trajectories) == (0, 2, 2)


async def test_equal_attempts_without_ids_all_count_and_resending_changes_nothing(
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


async def test_a_reward_may_come_late_but_never_change(store: Store) -> None:
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


async def test_a_conflict_does_not_reveal_what_is_stored(store: Store) -> None:
    await store.groups.submit("lib", submission(group_id="g", task="The task", ground_truth="42!"))
    with pytest.raises(ConflictError) as other_task:
        await store.groups.submit("lib", submission(group_id="g", task="Another"))
    guess = submission(group_id="g", task="The task", ground_truth="41?")
    with pytest.raises(ConflictError) as other_truth:
        await store.groups.submit("lib", guess)

    assert "The task" not in str(other_task.value)
    assert "42!" not in str(other_truth.value)


async def test_groups_without_rewards_wait_only_if_the_library_allows_it(store: Store) -> None:
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


async def test_a_secret_is_redacted_before_it_is_stored(store: Store) -> None:
    secret = "AKIAIOSFODNN7" + "EXAMPLQ"
    receipt = await store.groups.submit(
        "lib", submission(attempt(f"the key is {secret}", 1.0), group_id="g")
    )

    kept = (await store.groups.get("lib", "g")).trajectories[0].messages[0].text

    assert receipt.redacted == 1
    assert secret not in kept


async def test_ids_are_redacted_and_stay_distinct(store: Store) -> None:
    secrets = ["AKIAIOSFODNN7" + f"EXAMPL{letter}" for letter in "QR"]
    attempts = [replace(attempt("said", 1.0), id=s, model=s, retrieval_id=s) for s in secrets]
    for _ in "ab":  # a retry changes nothing
        receipts = [
            await store.groups.submit("lib", submission(*attempts, group_id=s)) for s in secrets
        ]
        assert [receipt.trajectories for receipt in receipts] == [2, 2]
        assert len({receipt.group_id for receipt in receipts}) == 2
        group = await store.groups.get("lib", receipts[0].group_id)
        assert not any(secret in repr(group) for secret in secrets)


async def test_a_truncated_secret_is_redacted_too(store: Store) -> None:
    cut = attempt('config: {"db_password": "Sup3rSecret9', 1.0)

    receipt = await store.groups.submit("lib", submission(cut, attempt("b", 0.0), group_id="g"))

    assert receipt.redacted == 1
    kept = (await store.groups.get("lib", "g")).trajectories[0]
    assert "Sup3rSecret9" not in kept.messages[0].text
