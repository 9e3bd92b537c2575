"""An endpoint that is unavailable, or answers with no completion, costs nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experience_store.index_cache import IndexCache
from experience_store.learning.prompts import Compare
from experience_store.store import Store
from experience_store.testing import Asked, Said, ScriptedEndpoint, lesson
from experience_store.update_runner import UpdateRunner
from server.learning.model_driver import UpdateProgress
from server.learning.models import ModelRefusedError, ModelUnavailableError
from server.learning.models.endpoint import PROBE, Endpoint
from server.settings import Prices, cost_of
from tests.builders import attempt, submission
from tests.server.learning.scripted_models import (
    TASKS,
    learn,
    lessons,
    model,
    raw_endpoint,
    right,
    submit_tasks,
    worker,
)


async def test_a_request_is_prepared_once_however_many_answers_arrive(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []
    prompt = Compare.prompt

    def counted(self: Compare) -> str:
        prepared.append(self.group.task)
        return prompt(self)

    monkeypatch.setattr(Compare, "prompt", counted)
    await submit_tasks(store)
    async with (
        ScriptedEndpoint(right) as endpoint,
        worker(store, replace(model(endpoint.base_url), concurrency=1)) as made,
    ):
        await made.learn("lib")

    assert sorted(prepared) == sorted(TASKS)


async def test_learning_resumes_after_an_outage_at_no_cost(
    store: Store,
) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint() as closed_again:
        nowhere = replace(model(closed_again.base_url), retries=0)
    async with worker(store, nowhere) as made:
        with pytest.raises(ModelUnavailableError, match="failed: "):
            await made.learn("lib")

    (open_,) = await store.updates.open("lib")
    record = await store.updates.get(open_)
    assert [r.failed for r in record.requests] == [None] * 3
    async with ScriptedEndpoint() as endpoint:
        (closed,) = await learn(store, endpoint)
    assert closed.id == open_
    assert await lessons(store) == {lesson(task) for task in TASKS}


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_after_an_outage_only_missing_answers_are_asked_for(
    store: Store, status: int
) -> None:
    def failing(asked: Asked) -> Said:
        return Said(status=status) if asked.number > 1 else right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(failing) as first:
        settings = replace(model(first.base_url), concurrency=1, retries=0)
        async with worker(store, settings) as made:
            with pytest.raises(ModelUnavailableError):
                await made.learn("lib")
    async with ScriptedEndpoint() as second:
        (closed,) = await learn(store, second)

    assert first.prompts()[0] not in second.prompts()
    assert closed.status == "published"
    assert await lessons(store) == {lesson(task) for task in TASKS}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Please log in to the proxy</html>", "text/html"),
        (b'{"id": "x", "choices": [{"mess', "application/json"),
        (b'["not", "a", "completion"]', "application/json"),
        (b'{"error": {"message": "no provider", "code": 502}}', "application/json"),
    ],
    ids=["a web page", "half a response", "another value", "an error with status 200"],
)
async def test_a_response_that_is_not_a_completion_counts_as_an_outage(
    store: Store, body: bytes, content_type: str
) -> None:
    await submit_tasks(store, TASKS[:1])
    async with (
        raw_endpoint(body, content_type) as base_url,
        worker(store, replace(model(base_url), retries=0)) as made,
    ):
        with pytest.raises(ModelUnavailableError):
            await made.learn("lib")

    (open_,) = await store.updates.open("lib")
    assert [r.failed for r in (await store.updates.get(open_)).requests] == [None]


async def test_progress_is_reported_until_all_is_learned(store: Store) -> None:
    seen: list[UpdateProgress] = []
    await submit_tasks(store, TASKS[:2])
    async with ScriptedEndpoint() as endpoint, worker(store, model(endpoint.base_url)) as made:
        (closed,) = await made.learn("lib", seen.append)

    assert (seen[0].done, seen[0].open) == (0, 2)
    assert seen[-1].open == 0
    assert seen[-1].done == len(endpoint.calls)
    assert {p.update_id for p in seen} == {closed.id}


@pytest.mark.parametrize("status", [422, 500])
async def test_a_long_attempt_is_summarised_first_and_a_lost_summary_costs_nothing(
    store: Store, status: int
) -> None:
    long = "word " * 20_000

    def script(asked: Asked) -> Said:
        if '{"summary"' in asked.prompt:
            return Said("too much to read", status=status)
        return right(asked)

    group = submission(attempt(f"won {long}", 1.0), attempt(f"lost {long}", 0.0), task=TASKS[0])
    await store.groups.submit("lib", group)
    async with (
        ScriptedEndpoint(script) as endpoint,
        worker(store, replace(model(endpoint.base_url), retries=0)) as made,
    ):
        (closed,) = await made.learn("lib")

    assert len([prompt for prompt in endpoint.prompts() if prompt != PROBE]) == 3
    assert closed.status == "published"
    assert await lessons(store) == {lesson(TASKS[0])}


async def test_a_refusing_model_is_distinguished_from_an_outage(
    store: Store,
) -> None:
    await submit_tasks(store, TASKS[:1])
    made = UpdateRunner(store, IndexCache(store))
    update_id = await made.begin("lib", "model", 1)
    assert update_id
    (request,) = await made.ask(await made.resume(update_id))
    statuses = iter([413, 422, 400, 401, 404, 500])

    async with ScriptedEndpoint(
        lambda _: Said("it is too long", status=next(statuses))
    ) as scripted:
        endpoint = Endpoint(replace(model(scripted.base_url), retries=0))
        for _ in range(3):
            with pytest.raises(ModelRefusedError):
                await endpoint.ask(request)
        for _ in range(3):
            with pytest.raises(ModelUnavailableError):
                await endpoint.ask(request)
        await endpoint.close()


async def test_cached_tokens_have_their_own_price() -> None:
    prices = Prices(prompt=10.0, cached=1.0, completion=20.0)

    assert cost_of(prices, 1_000, 400, 100) == (600 * 10 + 400 * 1 + 100 * 20) / 1e6
    assert cost_of(None, 1_000, 400, 100) is None
