"""A prompt that always fails costs its group; an endpoint that is down costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from experience_store.store import HOST_LEARNER, MAX_ROUNDS, Store
from experience_store.store.groups import MAX_FAILURES
from experience_store.testing import Asked, Said, Script, ScriptedEndpoint, lesson
from server.learning.models import ModelUnavailableError
from server.learning.models.endpoint import PROBE
from server.learning.worker import WorkerTimes
from tests.builders import attempt, submission
from tests.server.learning.scripted_models import (
    FOREVER,
    LONG_ENOUGH,
    TASKS,
    always,
    learn,
    lessons,
    model,
    right,
    running,
    submit_tasks,
    worker,
)

POISONED = submission(
    attempt("Counted both ends: 7", 1.0), attempt("6 POISON", 0.0), task="Count the days"
)
FAST = WorkerTimes(poll=0.01, round=0.01)
NOT_TRIED = "sk-never-to-be-shown"


def poisoned(said: Said) -> Script:
    """Right, except for prompts with POISON in them."""
    return lambda asked: said if "POISON" in asked.prompt else right(asked)


def poison_calls(endpoint: ScriptedEndpoint) -> int:
    return sum("POISON" in prompt for prompt in endpoint.prompts())


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG_ENOUGH):
        while not met():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(body={"id": "x", "choices": []}), "choices"),
        (Said("oops", status=500), "oops"),
        (Said(body={"error": {"message": "no provider", "code": 502}}), "no provider"),
        (Said(hang_up=True), "disconnected"),
    ],
    ids=["empty choices", "500", "200 with an error", "drops the connection"],
)
async def test_a_prompt_that_always_fails_is_given_up_and_the_others_are_learned(
    store: Store, said: Said, reason: str
) -> None:
    await submit_tasks(store)
    await store.groups.submit("lib", POISONED)
    async with ScriptedEndpoint(poisoned(said)) as endpoint:
        settings = replace(model(endpoint.base_url), retries=0, timeout=0.3)
        async with worker(store, settings) as made, asyncio.timeout(LONG_ENOUGH):
            (closed,) = await made.learn("lib")

    assert closed.status == "published"
    assert await lessons(store) == {lesson(task) for task in TASKS}
    counts = await store.groups.counts("lib")
    assert (counts.learned, counts.set_aside, counts.waiting) == (3, 1, 0)
    (group,) = await store.groups.set_aside("lib", 9)
    assert group.task == POISONED.task
    assert f"failed {MAX_ROUNDS} times; the last: " in str(group.failure)
    assert reason in str(group.failure)
    assert poison_calls(endpoint) == MAX_ROUNDS


async def test_a_prompt_that_hangs_does_not_keep_the_others_from_being_published(
    store: Store,
) -> None:
    await submit_tasks(store)
    await store.groups.submit("lib", POISONED)
    async with ScriptedEndpoint(poisoned(Said(delay=FOREVER))) as endpoint:
        settings = replace(model(endpoint.base_url), retries=0, timeout=0.2)
        async with worker(store, settings) as made, asyncio.timeout(LONG_ENOUGH):
            closed = await made.learn("lib")

    assert [update.status for update in closed] == ["published", "failed", "failed"]
    assert await lessons(store) == {lesson(task) for task in TASKS}
    (group,) = await store.groups.set_aside("lib", 9)
    assert "imed out" in str(group.failure)
    assert poison_calls(endpoint) == MAX_FAILURES


async def test_a_prompt_that_is_moderated_is_refused_and_the_others_are_learned(
    store: Store,
) -> None:
    await submit_tasks(store)
    await store.groups.submit("lib", POISONED)
    said = Said("flagged by moderation", status=403)
    async with ScriptedEndpoint(poisoned(said)) as endpoint:
        closed, *_ = await learn(store, endpoint)

    assert closed.status == "published"
    (group,) = await store.groups.set_aside("lib", 9)
    assert "refused the request: HTTP 403: flagged by moderation" in str(group.failure)
    assert poison_calls(endpoint) == MAX_FAILURES


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_an_endpoint_that_refuses_every_prompt_costs_no_group(
    store: Store, status: int
) -> None:
    await submit_tasks(store)
    wrong_key = {
        "error": {"code": status, "message": "API key not valid. Please pass a valid one."}
    }
    async with (
        ScriptedEndpoint(always(Said(body=wrong_key, status=status))) as endpoint,
        worker(store, model(endpoint.base_url)) as made,
        asyncio.timeout(LONG_ENOUGH),
    ):
        with pytest.raises(ModelUnavailableError, match="API key not valid"):
            await made.learn("lib")
    assert (await store.groups.counts("lib")).set_aside == 0
    async with ScriptedEndpoint(right) as endpoint:
        (closed,) = await learn(store, endpoint)
    assert closed.status == "published"


async def test_other_libraries_do_not_wait_for_a_prompt_that_hangs(store: Store) -> None:
    await store.groups.submit("a-poisoned", POISONED)
    async with ScriptedEndpoint(poisoned(Said(delay=FOREVER))) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1)
        async with worker(store, settings, times=FAST) as made, running(made):
            await until(lambda: poison_calls(endpoint))
            for library in ("healthy", "well"):
                await store.groups.submit(library, submission(task=library))
            async with asyncio.timeout(LONG_ENOUGH):
                for library in ("healthy", "well"):
                    while (await store.libraries.get(library)).head == 0:  # noqa: ASYNC110  # it tells nobody
                        await asyncio.sleep(0.01)
            trouble = made.trouble

    assert trouble is None
    assert poison_calls(endpoint) == 1
    assert (await store.libraries.get("a-poisoned")).head == 0


async def test_a_library_whose_prompt_fails_between_rounds_is_put_down(store: Store) -> None:
    await store.groups.submit("lib", POISONED)
    async with ScriptedEndpoint(poisoned(Said(status=500))) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1, retries=0)
        times = WorkerTimes(poll=0.01, round=FOREVER)
        async with worker(store, settings, times=times) as made, running(made):
            await until(lambda: endpoint.prompts()[-1:] == [PROBE])
            (update_id,) = await store.updates.open("lib")
            async with asyncio.timeout(LONG_ENOUGH):
                while (await store.updates.get(update_id)).leased:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)
            counts = await store.groups.counts("lib")
            await asyncio.sleep(0.05)
            assert made.trouble is None

    assert (counts.waiting, counts.unanswered, counts.learning, counts.pending) == (0, 1, 0, 1)
    assert poison_calls(endpoint) == 1, "the round is over"


async def test_failed_rounds_are_counted_across_restarts(store: Store) -> None:
    await store.groups.submit("lib", POISONED)
    async with ScriptedEndpoint(poisoned(Said(status=500))) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1, retries=0)
        for calls in range(1, MAX_ROUNDS + 1):
            times = WorkerTimes(poll=0.01, round=FOREVER)
            async with worker(store, settings, times=times) as made, running(made):
                await until(lambda calls=calls: poison_calls(endpoint) == calls)
                await until(lambda: endpoint.prompts()[-1] == PROBE)
                await asyncio.sleep(0.1)

    assert (await store.groups.counts("lib")).set_aside == 1
    assert (await store.updates.list("lib", 1))[0].status == "failed"


async def test_nothing_is_counted_while_the_endpoint_is_down(store: Store) -> None:
    await submit_tasks(store)
    settings = replace(model(""), learn_groups=1, retries=0, api_key=NOT_TRIED)
    refused = always(Said(f"Incorrect API key provided: {NOT_TRIED}", status=401))
    async with ScriptedEndpoint(refused) as endpoint:
        url = endpoint.base_url
        settings = replace(settings, base_url=url.replace("://", "://user:pass@"))
        async with worker(store, settings, times=FAST) as made, running(made):
            await until(lambda: made.trouble and endpoint.prompts().count(PROBE) > MAX_ROUNDS)
            trouble = made.trouble
            await until(lambda: endpoint.prompts().count(PROBE) > MAX_ROUNDS + 1)
            (told,) = await store.workers.troubles()
            assert trouble == made.trouble
    assert await store.workers.troubles() == (), "it was stopped"

    assert url in told.reason
    assert "Incorrect API key" in told.reason
    assert NOT_TRIED not in told.reason
    assert "pass" not in told.reason
    (open_,) = await store.updates.open("lib")
    assert [r.failed for r in (await store.updates.get(open_)).requests] == [None] * 3
    async with ScriptedEndpoint() as endpoint:
        (closed,) = await learn(store, endpoint)
    assert (closed.id, closed.status) == (open_, "published")


async def test_learning_goes_on_when_the_endpoint_is_back(store: Store) -> None:
    down = True

    def script(asked: Asked) -> Said:
        return Said(status=503) if down else right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(script) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1, retries=0)
        async with worker(store, settings, times=FAST) as made, running(made):
            await until(lambda: made.trouble)
            down = False
            await until(lambda: made.trouble is None)
            async with asyncio.timeout(LONG_ENOUGH):
                while (await store.libraries.get("lib")).head == 0:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)
                while await store.workers.troubles():  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)

    assert await lessons(store) == {lesson(task) for task in TASKS}


async def test_spent_quota_stops_learning_at_once(store: Store) -> None:
    def spent(asked: Asked) -> Said:
        return right(asked) if asked.prompt == PROBE else Said("no credit left", status=402)

    await submit_tasks(store)
    async with ScriptedEndpoint(spent) as endpoint:
        settings = replace(model(endpoint.base_url), concurrency=1, retries=0)
        async with worker(store, settings) as made:
            with pytest.raises(ModelUnavailableError, match="out of quota or credit"):
                await made.learn("lib")

    assert len(endpoint.calls) == 1, "what waited for its turn is withdrawn"


async def test_a_dead_endpoint_is_known_before_learning_is_due(store: Store) -> None:
    await submit_tasks(store, TASKS[:1])
    settings = replace(model("http://127.0.0.1:9/v1"), retries=0)
    times = replace(FAST, probe=0.0)
    async with worker(store, settings, times=times) as made, running(made):
        await until(lambda: made.trouble)

    assert await store.updates.open("lib") == ()
    assert "http://127.0.0.1:9/v1" in str(made.trouble)


async def test_an_endpoint_that_never_answers_is_known_before_its_calls_time_out(
    store: Store,
) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint(always(Said(delay=FOREVER))) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1, timeout=0.3, retries=9)
        times = replace(FAST, silence=0.05)
        async with worker(store, settings, times=times) as made, running(made):
            await until(lambda: made.trouble)
            counts = await store.groups.counts("lib")

    assert "timed out" in str(made.trouble)
    assert counts.learning == 3, "the calls are in flight"


async def test_who_waits_for_a_dead_endpoint_is_told_before_its_last_retry(store: Store) -> None:
    await submit_tasks(store)
    settings = replace(model("http://127.0.0.1:9/v1"), retries=99)
    async with worker(store, settings, times=replace(FAST, patience=0.05)) as made:
        async with asyncio.timeout(LONG_ENOUGH):
            with pytest.raises(ModelUnavailableError, match=r"127\.0\.0\.1:9/v1"):
                await made.learn("lib")

    (open_,) = await store.updates.open("lib")
    assert not (await store.updates.get(open_)).leased


async def test_a_group_is_offered_once_to_each_learner_until_it_changes(store: Store) -> None:
    answers = poisoned(Said(status=500))

    def script(asked: Asked) -> Said:
        return answers(asked)

    await store.groups.submit("lib", replace(POISONED, group_id="mine"))
    async with ScriptedEndpoint(script) as endpoint:

        async def tried(name: str) -> bool:
            before = len(endpoint.calls)
            settings = replace(model(endpoint.base_url), name=name, retries=0)
            async with worker(store, settings) as made, asyncio.timeout(LONG_ENOUGH):
                await made.learn("lib")
            return len(endpoint.calls) > before

        assert [await tried(name) for name in ("one", "one", "two", "one", "two")] == [
            *(True, False, True, False, False)
        ]
        assert await store.groups.offer_again(HOST_LEARNER, "lib") == 1
        assert [await tried(name) for name in ("one", "one")] == [True, False]
        assert await store.groups.offer_again(HOST_LEARNER) == 0
        more = replace(
            POISONED, group_id="mine", trajectories=(attempt("5 POISON", 0.5, id="more"),)
        )
        await store.groups.submit("lib", more)
        assert [await tried(name) for name in ("one", "one", "two")] == [True, False, True]
        policy = replace((await store.libraries.get("lib")).policy, max_words=40)
        await store.libraries.describe(
            "lib", agent_objective=None, learning_objective=None, policy=policy
        )
        answers = right
        assert await tried("two"), "the policy has changed"
    assert (await store.groups.counts("lib")).learned == 1
