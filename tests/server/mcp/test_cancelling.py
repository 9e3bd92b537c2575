"""A call that is given up leaves nothing half done, and the connection goes on."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from mcp import Client

from experience_store.sqlite import database as database_module
from experience_store.store import Store
from server.mcp.build import build_server
from server.settings import Settings
from tests.builders import submission
from tests.databases import writing
from tests.processes.calling import WON_AND_LOST, Answer, answers_to, call, submit
from tests.processes.starting import kill
from tests.server.http.serving import stored_groups
from tests.server.mcp.over_stdio import Child, child_of, stdio_client

MODES = ["legacy", "auto"]


async def given_up(client: Client, pending: asyncio.Task[Answer]) -> None:
    """Give a call up once the server has it, which it has when a later one is answered."""
    await call(client, "list_libraries")
    pending.cancel()
    with suppress(asyncio.CancelledError):
        await pending


@pytest.mark.parametrize("mode", MODES)
async def test_a_submission_that_waits_for_its_turn_can_be_cancelled(
    database: Path, mode: str
) -> None:
    async with Client(build_server(Settings(database)), mode=mode) as client:
        with writing(database):
            await given_up(client, asyncio.create_task(submit(client, "given up", group_id="g")))
            listed = await call(client, "list_libraries")
        later = await submit(client, "later", group_id="g")

    assert listed.data["libraries"] == []
    assert later.data["trajectories"] == 2
    assert stored_groups(database) == [("later", 2)]


@pytest.mark.parametrize("mode", MODES)
async def test_of_many_submissions_cancelled_at_any_time_each_is_there_or_is_not(
    database: Path, mode: str
) -> None:
    tasks = [f"task {n:02}" for n in range(40)]
    async with stdio_client(database, mode) as client:
        pending = [asyncio.create_task(submit(client, t, group_id=t)) for t in tasks]
        for one in reversed(pending):
            await given_up(client, one)
        stored = stored_groups(database)
        again = [await submit(client, t, group_id=t) for t in tasks]

    assert set(stored) <= {(t, 2) for t in tasks}
    assert [a.data["trajectories"] for a in again] == [2] * len(tasks)
    assert sorted(stored_groups(database)) == [(t, 2) for t in tasks]


@pytest.mark.parametrize("mode", MODES)
async def test_answers_that_were_cancelled_are_taken_when_they_are_sent_again(
    database: Path, mode: str
) -> None:
    async with Client(build_server(Settings(database)), mode=mode) as client:
        await submit(client, "Cancel the reservation")
        asked = await call(client, "update_experiences", library="lib")
        given = {
            "update_id": asked.data["update_id"],
            "answers": answers_to(asked.data["requests"]),
        }
        with writing(database):
            await given_up(client, asyncio.create_task(call(client, "submit_answers", **given)))
        published = await call(client, "submit_answers", **given)
        again = await call(client, "submit_answers", **given)

    assert (published.data["status"], published.data["version"]) == ("published", 1)
    assert again.data["version"] == 1


async def cancelled_at(step: int, store: Store, task: str) -> bool:
    """Submit, and cancel before a statement of the transaction; whether there are so many."""
    steps = 0
    over = threading.Event()
    named = database_module.sql
    loop = asyncio.get_running_loop()

    def counted(query: str) -> str:
        nonlocal steps
        steps += 1
        if steps == step:
            loop.call_soon_threadsafe(submitting.cancel)
            assert over.wait(10), "who submits notices"
        return named(query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "sql", counted)
        submitting = asyncio.create_task(store.groups.submit("lib", submission(task=task)))
        submitting.add_done_callback(lambda _: over.set())
        with suppress(asyncio.CancelledError):
            await submitting
        patch.undo()
        await store.groups.retry_set_aside("other")  # comes after what is still under way
    return submitting.cancelled()


async def test_a_submission_is_whole_at_whatever_step_it_is_cancelled(
    database: Path, store: Store
) -> None:
    await store.libraries.ensure("other")
    step = 0
    while await cancelled_at(step + 1, store, f"cancelled at {step + 1}"):
        step += 1
    stored = stored_groups(database)
    await store.groups.submit("lib", submission(task="after all"))

    assert step >= 5, "there were many steps"
    assert stored == [(f"cancelled at {step + 1}", 2)], "it came to its end before that step"
    assert ("after all", 2) in stored_groups(database)


async def begin_to_submit(child: Child) -> None:
    """Send a submission, and wait for what was asked after it."""
    arguments = {"task": "given up", "trajectories": WON_AND_LOST, "library": "lib"}
    params = {"name": "submit_group", "arguments": arguments}
    await child.write({"jsonrpc": "2.0", "id": "s", "method": "tools/call", "params": params})
    await child.ask("ping")


async def test_a_host_that_goes_away_in_the_middle_of_a_call_leaves_nothing_half_done(
    database: Path,
) -> None:
    async with child_of(database) as child:
        assert child.process.stdin
        with writing(database):
            await begin_to_submit(child)
            child.process.stdin.close()
        assert await child.process.wait() == 0
    stored = stored_groups(database)
    async with Client(build_server(Settings(database))) as client:
        await submit(client, "later")

    assert stored in ([], [("given up", 2)])
    assert stored_groups(database) == [*stored, ("later", 2)]


async def test_a_server_that_is_killed_in_the_middle_of_a_call_leaves_nothing_half_done(
    database: Path,
) -> None:
    async with child_of(database) as child:
        with writing(database):
            await begin_to_submit(child)
            kill(child.process)
            await child.process.wait()
    async with Client(build_server(Settings(database))) as client:
        await submit(client, "later")

    assert stored_groups(database) == [("later", 2)]
