"""Learning with a model: the worker and a real client against an endpoint that follows a script."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from mcp import Client

from experience_store import open_store
from experience_store.errors import LeaseLostError
from experience_store.index_cache import IndexCache
from experience_store.learning.prompts import Compare
from experience_store.sqlite.updates import SqliteUpdates
from experience_store.store import Publication, Store, UpdateRecord
from experience_store.testing import Asked, Said, Script, ScriptedEndpoint, lesson, sensible_answer
from experience_store.update_runner import UpdateRunner
from server.learning.model_driver import UpdateProgress
from server.learning.models import ModelRefusedError, ModelUnavailableError
from server.learning.models.endpoint import Endpoint
from server.learning.worker import GROUPS_PER_UPDATE, Worker, WorkerTimes
from server.mcp.build import build_server
from server.settings import ModelSettings, Prices, Settings, cost_of
from tests.builders import add, answer, attempt, operation, submission
from tests.paths import ROOT
from tests.processes.calling import call, submit
from tests.processes.starting import kill, python

TASKS = ("Cancel the reservation", "Upgrade every passenger", "Refund luggage fees")
FOREVER = 3_600.0
AT_ONCE = 0.001  # seconds in Retry-After
LONG_ENOUGH = 30.0
USUAL = WorkerTimes()


def model(base_url: str) -> ModelSettings:
    return ModelSettings("scripted", "no-key", base_url=base_url, concurrency=2, retries=2)


@asynccontextmanager
async def worker(
    store: Store,
    settings: ModelSettings,
    *,
    times: WorkerTimes = USUAL,
    groups_per_update: int = GROUPS_PER_UPDATE,
) -> AsyncGenerator[Worker]:
    endpoint = Endpoint(settings)
    runner = UpdateRunner(store, IndexCache(store))
    try:
        yield Worker(
            store, runner, endpoint, settings, times=times, groups_per_update=groups_per_update
        )
    finally:
        await endpoint.close()


async def submit_tasks(store: Store, tasks: Sequence[str] = TASKS) -> None:
    for task in tasks:
        await store.groups.submit("lib", submission(task=task, group_id=task))


async def learn(store: Store, endpoint: ScriptedEndpoint) -> list[UpdateRecord]:
    async with worker(store, model(endpoint.base_url)) as made, asyncio.timeout(LONG_ENOUGH):
        return await made.learn("lib")


async def lessons(store: Store) -> set[str]:
    return {e.text for e in (await store.libraries.state("lib")).experiences}


async def refusals(store: Store, version: int) -> list[str]:
    return [r.reason for r in (await store.libraries.version("lib", version)).refusals]


def right(asked: Asked) -> Said:
    return Said(sensible_answer(asked.prompt))


def is_about(asked: Asked, task: str) -> bool:
    return f"<task>\n{task}\n</task>" in asked.prompt


def at_first(said: Callable[[Asked], Said]) -> Script:
    """Says this to the first call, and what is right to all others."""
    return lambda asked: said(asked) if asked.number == 1 else right(asked)


def always(said: Said) -> Script:
    return lambda _: said


def slow(asked: Asked) -> Said:
    return replace(right(asked), delay=0.1)


def wrapped(asked: Asked) -> Said:
    text = sensible_answer(asked.prompt)
    return Said(f"Let me think {{about}} it.\n```json\n{text}\n```\nI hope this helps!")


def lower_case(asked: Asked) -> Said:
    return Said(re.sub(r'"(Add|Revise|Merge)"', lambda m: m[0].lower(), right(asked).text))


def half(asked: Asked) -> Said:
    text = sensible_answer(asked.prompt)
    return Said(text[: len(text) * 2 // 3])


def without_schemas(asked: Asked) -> Said:
    if asked.format == "json_schema":
        return Said("response_format of type json_schema is not supported", status=400)
    return right(asked)


def without_formats(asked: Asked) -> Said:
    if asked.format:
        return Said(f"response_format {asked.format} is not supported", status=400)
    return right(asked)


# Whatever the endpoint does, the right lessons are published


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
async def test_an_endpoint_without_structured_output_is_asked_in_a_weaker_form(
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
async def test_a_server_that_cannot_validate_the_format_is_asked_in_a_weaker_form(
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


async def test_an_operation_on_an_unknown_id_is_refused_in_sight_and_the_rest_published(
    store: Store,
) -> None:
    good = add("When booking, read the fare rules first.")
    wrong = operation("Revise", "G99", experience="When lost, ask.")
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(lambda _: Said(answer(wrong, good))) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.version == 1
    assert await lessons(store) == {"When booking, read the fare rules first."}
    assert await refusals(store, 1) == ["G99 does not exist in this version"]
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


async def test_half_an_emoji_from_a_model_is_no_reason_to_stop(store: Store) -> None:
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


async def test_a_group_that_never_works_is_set_aside_in_sight_and_no_other_is_lost(
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


async def test_a_question_that_the_model_refuses_costs_its_group_only(store: Store) -> None:
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


async def test_without_prices_no_cost_is_made_up(store: Store) -> None:
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint() as endpoint:
        (closed,) = await learn(store, endpoint)

    assert closed.usage.cost is None


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_no_more_calls_are_in_flight_than_set_and_as_many_as_there_can_be(
    store: Store, concurrency: int
) -> None:
    await submit_tasks(store, [f"Task {'abcdefghij'[n] * 5} alone" for n in range(10)])
    async with ScriptedEndpoint(lambda asked: replace(right(asked), delay=0.1)) as endpoint:
        settings = replace(model(endpoint.base_url), concurrency=concurrency)
        async with worker(store, settings) as made:
            await made.learn("lib")

    assert endpoint.most_at_once == concurrency


# Out of reach


async def test_a_question_is_prepared_once_however_often_answers_come_in_between(
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


async def test_an_endpoint_out_of_reach_costs_nothing_and_learning_goes_on_later(
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
async def test_after_a_failure_only_what_is_missing_is_asked(store: Store, status: int) -> None:
    def failing(asked: Asked) -> Said:
        return Said(status=status) if asked.number == 2 else right(asked)

    await submit_tasks(store)
    async with ScriptedEndpoint(failing) as first:
        settings = replace(model(first.base_url), concurrency=1, retries=0)
        async with worker(store, settings) as made:
            with pytest.raises(ModelUnavailableError):
                await made.learn("lib")
    async with ScriptedEndpoint() as second:
        (closed,) = await learn(store, second)

    answered = {p for p in first.prompts() if "<proposals>" not in p} - {first.prompts()[1]}
    assert not answered & set(second.prompts())
    assert closed.status == "published"
    assert await lessons(store) == {lesson(task) for task in TASKS}


@asynccontextmanager
async def raw_endpoint(body: bytes, content_type: str) -> AsyncGenerator[str]:
    """An endpoint that says 200 and then this, whatever it is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: "
                + f"{content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.close()


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
async def test_what_is_no_completion_counts_as_out_of_reach_and_gives_nothing_up(
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


# Several processes


def run_out(database: Path) -> None:
    """Let every lease run out, as if its time had passed."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE learning_update SET leased_till = 0 WHERE owner IS NOT NULL")


async def test_after_a_kill_only_what_was_in_flight_is_asked_again(
    store: Store, database: Path
) -> None:
    def held_back(asked: Asked) -> Said:
        return replace(right(asked), delay=FOREVER if is_about(asked, TASKS[2]) else 0.0)

    await submit_tasks(store)
    async with ScriptedEndpoint(held_back) as first:
        child = await asyncio.create_subprocess_exec(
            *(python(), "-m", "tests.processes.learn", str(database), first.base_url),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout
        async with asyncio.timeout(LONG_ENOUGH):
            while await child.stdout.readline() != b"2 1\n":
                assert child.returncode is None
        kill(child)
        await child.wait()

    (open_,) = await store.updates.open("lib")
    async with ScriptedEndpoint() as second:
        assert await learn(store, second) == []
        assert second.calls == [], "the lease of the dead process still holds"
        run_out(database)
        (closed,) = await learn(store, second)

    assert closed.id == open_
    compared = [p for p in second.prompts() if "<proposals>" not in p]
    assert compared == [next(a.prompt for a in first.calls if is_about(a, TASKS[2]))]
    assert await lessons(store) == {lesson(task) for task in TASKS}


async def test_two_workers_on_one_database_do_no_work_twice(store: Store, database: Path) -> None:
    tasks = [f"Handle {chr(97 + n // 26) * 3}{chr(97 + n % 26) * 3} well" for n in range(40)]
    await submit_tasks(store, tasks)
    other_store = await open_store(database)
    async with ScriptedEndpoint(lambda asked: replace(right(asked), delay=0.01)) as endpoint:
        settings = replace(model(endpoint.base_url), concurrency=8)
        async with (
            worker(store, settings, groups_per_update=32) as one,
            worker(other_store, settings, groups_per_update=32) as other,
        ):
            closed = await asyncio.gather(one.learn("lib"), other.learn("lib"))
    await other_store.close()

    compared = [p for p in endpoint.prompts() if "<proposals>" not in p]
    assert len(compared) == len(set(compared)) == 40
    assert sorted(len(c.groups) for records in closed for c in records) == [8, 32]
    assert await lessons(store) == {lesson(task) for task in tasks}
    assert (await store.groups.counts("lib")).learned == 40


async def test_a_lease_that_ends_with_its_update_is_not_taken_for_a_lost_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = SqliteUpdates.publish
    heartbeat_failed = asyncio.Event()

    async def keep(*_: object) -> None:
        if not heartbeat_failed.is_set() and (await first_update(store)).status != "open":
            heartbeat_failed.set()
            raise LeaseLostError

    async def publish_slowly(
        self: SqliteUpdates, update_id: str, publication: Publication
    ) -> UpdateRecord:
        record = await publish(self, update_id, publication)
        await heartbeat_failed.wait()
        await asyncio.sleep(0.05)
        return record

    monkeypatch.setattr(SqliteUpdates, "keep", keep)
    monkeypatch.setattr(SqliteUpdates, "publish", publish_slowly)
    await submit_tasks(store)
    async with ScriptedEndpoint(right) as endpoint:
        times = WorkerTimes(heartbeat=0.01)
        async with worker(store, model(endpoint.base_url), times=times) as made:
            (closed,) = await made.learn("lib")

    assert closed.status == "published"


# In the background


@asynccontextmanager
async def running(made: Worker) -> AsyncGenerator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        await made.stop(task)


class Gate:
    """A script that says when it is asked, and answers rightly (after `delay` seconds)."""

    def __init__(self, delay: float = 0.0) -> None:
        self.asked = asyncio.Event()
        self._delay = delay

    def __call__(self, asked: Asked) -> Said:
        self.asked.set()
        return replace(right(asked), delay=self._delay)


async def first_update(store: Store) -> UpdateRecord:
    (info,) = await store.updates.list("lib", 9)
    return await store.updates.get(info.id)


async def test_learning_starts_when_enough_groups_wait(store: Store) -> None:
    gate = Gate(FOREVER)
    await submit_tasks(store, TASKS[:2])
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=3, learn_after=FOREVER)
        async with worker(store, settings) as made:
            await made._work_off()  # pyright: ignore[reportPrivateUsage]
            assert await store.updates.list("lib", 9) == (), "two groups are too few"
            async with running(made), asyncio.timeout(LONG_ENOUGH):
                await submit_tasks(store, TASKS[2:])
                made.wake()
                await gate.asked.wait()

        assert len((await first_update(store)).groups) == 3


async def test_learning_starts_when_a_group_has_waited_long_enough(store: Store) -> None:
    gate = Gate()
    await submit_tasks(store, TASKS[:1])
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=100, learn_after=0.0)
        async with worker(store, settings) as made, running(made), asyncio.timeout(LONG_ENOUGH):
            await gate.asked.wait()


async def test_the_background_survives_an_endpoint_that_talks_nonsense(
    store: Store,
) -> None:
    await submit_tasks(store, TASKS[:1])
    async with raw_endpoint(b"<html></html>", "text/html") as base_url:
        settings = replace(model(base_url), learn_groups=1, retries=0)
        async with worker(store, settings, times=WorkerTimes(poll=0.01)) as made:
            task = asyncio.create_task(made.run())
            async with asyncio.timeout(LONG_ENOUGH):
                while made.trouble is None and not task.done():  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)
            alive = not task.done()
            await made.stop(task)

    assert alive
    assert "failed: " in str(made.trouble)


async def test_submitting_and_serving_never_wait_for_the_model(database: Path) -> None:
    gate = Gate(FOREVER)
    async with ScriptedEndpoint(gate) as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1)
        server = build_server(Settings(database, model=settings))
        async with Client(server) as client, asyncio.timeout(LONG_ENOUGH):
            first = await submit(client, "Cancel the reservation")
            await gate.asked.wait()
            await submit(client, "Upgrade every passenger")
            running_ = await call(client, "update_experiences", library="lib")
            served = await call(client, "get_experiences", task="Cancel", library="lib")

    assert "in the background" in first.data["next_step"]
    assert (running_.data["status"], "requests" in running_.data) == ("running", False)
    assert served.data["version"] == 0


async def test_what_was_learned_in_the_background_is_served(database: Path) -> None:
    async with ScriptedEndpoint() as endpoint:
        settings = replace(model(endpoint.base_url), learn_groups=1)
        server = build_server(Settings(database, model=settings))
        async with Client(server) as client, asyncio.timeout(LONG_ENOUGH):
            await submit(client, "Cancel the reservation")
            update = await call(client, "update_experiences", library="lib")
            while update.data["status"] == "running":
                await asyncio.sleep(0.01)
                update = await call(client, "update_experiences", library="lib")
            served = await call(client, "get_experiences", task="Cancel", library="lib")

    assert (update.data["status"], update.data["version"]) == ("published", 1)
    assert list(served.data["experiences"].values()) == [
        f"Check details: {lesson('Cancel the reservation')}"
    ]


# Progress, and the endpoint by itself


async def test_progress_is_reported_until_nothing_is_open(store: Store) -> None:
    seen: list[UpdateProgress] = []
    await submit_tasks(store, TASKS[:2])
    async with ScriptedEndpoint() as endpoint, worker(store, model(endpoint.base_url)) as made:
        (closed,) = await made.learn("lib", seen.append)

    assert (seen[0].done, seen[0].open) == (0, 2)
    assert seen[-1].open == 0
    assert seen[-1].done == len(endpoint.calls)
    assert {p.update_id for p in seen} == {closed.id}


async def test_a_long_attempt_is_summarised_first_and_a_lost_summary_costs_nothing(
    store: Store,
) -> None:
    long = "word " * 20_000

    def script(asked: Asked) -> Said:
        if '{"summary"' in asked.prompt:
            return Said("too much to read", status=422)
        return right(asked)

    group = submission(attempt(f"won {long}", 1.0), attempt(f"lost {long}", 0.0), task=TASKS[0])
    await store.groups.submit("lib", group)
    async with ScriptedEndpoint(script) as endpoint:
        (closed,) = await learn(store, endpoint)

    assert len(endpoint.calls) == 3
    assert closed.status == "published"
    assert await lessons(store) == {lesson(TASKS[0])}


async def test_a_model_that_will_not_answer_is_told_apart_from_one_out_of_reach(
    store: Store,
) -> None:
    await submit_tasks(store, TASKS[:1])
    made = UpdateRunner(store, IndexCache(store))
    update_id = await made.begin("lib", "model", 1)
    assert update_id
    (request,) = await made.ask(await made.resume(update_id))
    statuses = iter([413, 422, 400, 401, 403, 404, 500])

    async with ScriptedEndpoint(lambda _: Said("no", status=next(statuses))) as scripted:
        endpoint = Endpoint(replace(model(scripted.base_url), retries=0))
        for _ in range(3):
            with pytest.raises(ModelRefusedError):
                await endpoint.ask(request)
        for _ in range(4):
            with pytest.raises(ModelUnavailableError):
                await endpoint.ask(request)
        await endpoint.close()


async def test_cached_tokens_are_priced_as_such() -> None:
    prices = Prices(prompt=10.0, cached=1.0, completion=20.0)

    assert cost_of(prices, 1_000, 400, 100) == (600 * 10 + 400 * 1 + 100 * 20) / 1e6
    assert cost_of(None, 1_000, 400, 100) is None
