"""Learning with a model: whatever the endpoint does, the right lessons are published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experience_store.store import Store
from experience_store.testing import Asked, Said, Script, ScriptedEndpoint, lesson
from server.settings import Prices
from tests.builders import add, answer, operation
from tests.server.learning.scripted_models import (
    AT_ONCE,
    TASKS,
    always,
    at_first,
    half,
    is_about,
    learn,
    lessons,
    lower_case,
    model,
    refusals,
    right,
    slow,
    submit_tasks,
    without_formats,
    without_schemas,
    worker,
    wrapped,
)


@pytest.mark.parametrize(
    ("script", "lost_calls"),
    [
        (right, 0),
        (slow, 0),
        (at_first(always(Said(status=429, retry_after=AT_ONCE))), 1),
        (at_first(always(Said(status=500, retry_after=AT_ONCE))), 1),
        (at_first(always(Said(status=503, retry_after=AT_ONCE))), 1),
        (at_first(always(Said(hang_up=True))), 1),
        (at_first(half), 0),
        (at_first(always(Said(""))), 0),
        (at_first(always(Said("I would rather not."))), 0),
        (wrapped, 0),
        (lower_case, 0),
    ],
    ids=[
        "right",
        "slow",
        "429 with Retry-After",
        "500",
        "503",
        "drops the connection",
        "half an answer",
        "nothing",
        "prose only",
        "prose around",
        "lower-case operations",
    ],
)
async def test_the_right_lessons_are_published_and_every_call_is_counted(
    store: Store, script: Script, lost_calls: int
) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint(script) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert (closed.status, closed.version) == ("published", 1)
    assert await lessons(store) == {lesson(task) for task in TASKS}
    assert await refusals(store, 1) == []
    counts = await store.groups.counts("lib")
    assert (counts.groups, counts.learned, counts.waiting, counts.set_aside) == (3, 3, 0, 0)
    assert len(endpoint.calls) == closed.usage.calls + lost_calls
    assert closed.usage.prompt_tokens == endpoint.prompt_tokens > 0
    assert closed.usage.completion_tokens == endpoint.completion_tokens
    assert endpoint.most_at_once <= 2
    assert await store.updates.usage("lib") == closed.usage


@pytest.mark.parametrize(
    ("script", "used"), [(without_schemas, "json_object"), (without_formats, None)]
)
async def test_an_endpoint_without_structured_output_gets_a_weaker_format(
    store: Store, script: Script, used: str | None
) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint(script) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.status == "published"
    assert await lessons(store) == {lesson(task) for task in TASKS}
    answered = [asked for asked in endpoint.calls if asked.format == used]
    assert len(answered) == closed.usage.calls
    assert endpoint.calls[-1].format == used
    refused = [asked.format for asked in endpoint.calls if asked.format != used]
    assert refused.count("json_schema") <= 2, "only what was in flight may be refused"
    assert refused.count("json_object") <= 2


@pytest.mark.parametrize("status", [422, 500])
async def test_a_server_that_cannot_validate_the_format_gets_a_weaker_one(
    store: Store, status: int
) -> None:
    """That of llama-cpp-python answers 500 to a body that it does not understand."""

    def strict(asked: Asked) -> Said:
        if asked.format == "json_schema":
            said = "body, response_format, type: Input should be 'text' or 'json_object'"
            return Said(said, status=status, retry_after=AT_ONCE)
        return right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(strict) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.status == "published"
    assert await lessons(store) == {lesson(task) for task in TASKS}
    assert endpoint.calls[-1].format == "json_object"


async def test_an_operation_on_an_unknown_id_is_recorded_as_refused_and_the_rest_published(
    store: Store,
) -> None:
    good = add("When booking, read the fare rules first.")
    wrong = operation("Revise", "G99", experience="When lost, ask.")
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(lambda _: Said(answer(wrong, good))) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.version == 1
    assert await lessons(store) == {"When booking, read the fare rules first."}
    assert await refusals(store, 1) == ["G99 was not shown in this request"]
    assert len(endpoint.calls) == 1


async def test_latex_from_a_model_reaches_the_library_as_it_was_meant(store: Store) -> None:
    raw = (
        r'{"reasons": "\theta was bounded", "operations": [{"operation": "Add", "ids": [], '
        r'"name": "Bounds", "experience": "When you meet \frac{a}{b}, '
        r'bound \theta \times \nabla f."'
        "}]}"
    )
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(lambda _: Said(raw)) as endpoint:
        await learn(store, endpoint)

    assert await lessons(store) == {r"When you meet \frac{a}{b}, bound \theta \times \nabla f."}


async def test_a_lone_surrogate_from_a_model_does_not_stop_learning(store: Store) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint(at_first(always(Said("Well \ud83d")))) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.status == "published"
    assert [a.text for a in closed.answers if a.refused] == ["Well ?"]


async def test_a_model_is_told_what_was_wrong_with_its_answer(store: Store) -> None:
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(at_first(half)) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert [asked.messages for asked in endpoint.calls] == [1, 3]
    assert [a.refused is None for a in closed.answers] == [False, True]
    assert [asked.format for asked in endpoint.calls] == ["json_schema", "json_schema"]


@pytest.mark.parametrize("words", ["Sorry, I know no schemas.", ""])
async def test_an_answer_in_words_in_place_of_json_is_asked_for_without_a_format(
    store: Store, words: str
) -> None:
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(lambda a: Said(words) if a.format else right(a)) as endpoint:
        await learn(store, endpoint)

    assert await lessons(store) == {lesson(TASKS[0])}


async def test_a_group_whose_answers_cannot_be_used_fails_alone_and_waits_again(
    store: Store,
) -> None:
    bad_calls = 0

    def script(asked: Asked) -> Said:
        nonlocal bad_calls
        if is_about(asked, TASKS[1]) and bad_calls < 2:
            bad_calls += 1
            return half(asked)
        return right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(script) as endpoint:
        first, second = await learn(store, endpoint)

    assert (first.status, second.status) == ("published", "published")
    (failed,) = [r for r in first.requests if r.failed]
    assert failed.failed
    assert failed.failed.startswith("2 answers could not be used; the last: ")
    assert {e.text for e in (await store.libraries.state("lib", 1)).experiences} == {
        lesson(TASKS[0]),
        lesson(TASKS[2]),
    }
    assert [g.group.id for g in second.groups] == [TASKS[1]]
    assert await lessons(store) == {lesson(task) for task in TASKS}


async def test_a_group_that_never_works_is_set_aside_and_the_others_are_learned(
    store: Store,
) -> None:
    def script(asked: Asked) -> Said:
        return half(asked) if is_about(asked, TASKS[1]) else right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(script) as endpoint:
        closed = await learn(store, endpoint)

    assert [c.status for c in closed] == ["published", "failed", "failed"]
    assert await lessons(store) == {lesson(TASKS[0]), lesson(TASKS[2])}
    counts = await store.groups.counts("lib")
    assert (counts.groups, counts.learned, counts.set_aside) == (3, 2, 1)
    (info,) = [g for g in await store.groups.list("lib", after=0, limit=9) if g.failure]
    assert info.id == TASKS[1]
    assert "2 answers could not be used" in str(info.failure)


async def test_a_refusal_of_the_model_costs_only_its_group(store: Store) -> None:
    def script(asked: Asked) -> Said:
        if is_about(asked, TASKS[0]):
            return Said("maximum context length exceeded", status=400)
        return right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(script) as endpoint:
        closed = await learn(store, endpoint)

    assert await lessons(store) == {lesson(TASKS[1]), lesson(TASKS[2])}
    (failed,) = [r.failed for r in closed[0].requests if r.failed]
    assert "maximum context length exceeded" in failed


async def test_costs_are_computed_from_prices(store: Store) -> None:
    await submit_tasks(store)
    async with ScriptedEndpoint() as endpoint:
        priced = replace(
            model(endpoint.base_url), prices=Prices(prompt=2.0, cached=0.5, completion=8.0)
        )
        async with worker(store, priced) as made:
            (closed,) = await made.learn("lib")

    expected = (endpoint.prompt_tokens * 2.0 + endpoint.completion_tokens * 8.0) / 1e6
    assert closed.usage.cost == pytest.approx(expected)  # pyright: ignore[reportUnknownMemberType]


async def test_without_prices_there_is_no_cost(store: Store) -> None:
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint() as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.usage.cost is None


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_concurrency_reaches_its_limit_and_never_exceeds_it(
    store: Store, concurrency: int
) -> None:
    await submit_tasks(store, [f"Task {'abcdefghij'[n] * 5} alone" for n in range(10)])
    async with ScriptedEndpoint(lambda asked: replace(right(asked), delay=0.1)) as endpoint:
        settings = replace(model(endpoint.base_url), concurrency=concurrency)
        async with worker(store, settings) as made:
            await made.learn("lib")

    assert endpoint.most_at_once == concurrency


async def test_an_answer_that_was_cut_is_named_to_the_model_and_to_people(store: Store) -> None:
    await submit_tasks(store, TASKS[:1])
    cut = Said('{"reasons": "They', finish_reason="length")
    async with ScriptedEndpoint(always(cut)) as endpoint:
        await learn(store, endpoint)

    assert "This answer cannot be used: the answer was cut at" in endpoint.calls[1].last.text
    (info, *_) = await store.updates.list("lib", 9)
    update = await store.updates.get(info.id)
    assert "2 answers could not be used; the last: the answer was cut at" in str(
        update.requests[0].failed
    )
