"""The server as hosts run it: a process of its own on stdin and stdout."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from experience_store import open_store
from experience_store.testing import lesson
from server.child_process import cli_command
from server.mcp.build import build_server
from server.settings import Settings
from tests.parameters import first_of
from tests.paths import DATA
from tests.processes import starting
from tests.processes.calling import WON_AND_LOST, Answer, answers_to, call, learn, submit
from tests.server.mcp.over_stdio import child_of, stdio_client


async def test_the_whole_cycle_works_over_stdio(database: Path) -> None:
    task = "Cancel the reservation"
    async with stdio_client(database) as client:
        await submit(client, task)
        published = await learn(client)
        served = await call(client, "get_experiences", task=task, library="lib")

    assert (published.data["status"], published.data["version"]) == ("published", 1)
    assert served.data["experiences"] == {"G1": f"Check details: {lesson(task)}"}


async def test_what_one_process_learned_the_next_one_serves(database: Path) -> None:
    async with stdio_client(database) as client:
        await submit(client, "Cancel the reservation")
        asked = await call(client, "update_experiences", library="lib")
    async with stdio_client(database) as client:
        update_id, requests = asked.data["update_id"], asked.data["requests"]
        await call(client, "submit_answers", update_id=update_id, answers=answers_to(requests))
    async with Client(build_server(Settings(database))) as client:
        served = await call(client, "get_experiences", task="Cancel", library="lib")

    assert served.data["version"] == 1


async def test_stdout_carries_the_protocol_and_nothing_else(database: Path) -> None:
    async with child_of(database, start=cli_command) as child:
        await child.ask("tools/list")
        await child.call("submit_group", task="Cancel", trajectories=WON_AND_LOST)
        await child.call("submit_group", task="Cancel", trajectories=[])
        await child.call("update_experiences")
        await child.ask("resources/read", uri="experience://nope")
        rest = await child.end()

    said: list[dict[str, object]] = [json.loads(line) for line in child.lines]
    assert len(said) >= 6
    assert all(message["jsonrpc"] == "2.0" for message in said)
    assert rest == b""


async def test_home_and_path_are_all_the_environment_that_is_needed(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    database = tmp_path / "made" / "on the way" / "experience.db"
    async with child_of(database, environment, cli_command) as child:
        await child.call("submit_group", task="Cancel", trajectories=WON_AND_LOST)
        listed = await child.call("list_libraries")
        await child.end()

    assert [lib["name"] for lib in listed.data["libraries"]] == ["default"]
    assert database.is_file()


async def test_a_bare_nan_in_json_is_refused_as_a_reward(database: Path) -> None:
    """Python's json writes it and MCP clients make null of it, so it takes a raw line."""
    async with child_of(database) as child:
        attempts = [{"output": "a", "reward": float("nan")}]
        answer = await child.call("submit_group", task="Cancel", trajectories=attempts)
        listed = await child.call("list_libraries")
        await child.end()

    assert answer.failed
    assert "trajectories.0.reward: must be a finite number" in answer.text
    assert listed.data["libraries"] == []


UNREADABLE = [
    ("no JSON", None, "cannot be read"),
    ('{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}', 7, "params, an object"),
    ('{"method": "ping", "params": {"id": 1}, "id": "x"}', "x", "not a JSON-RPC 2.0 request"),
    ('[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]', None, "not a list of them"),
    ('{"method": "ping", "params": {"id": 1, "x": ' + "9" * 5_000 + '}, "id": 7}', 7, "number"),
    ('{"jsonrpc": "2.0", "id": 7, "params": ' + "[" * 999 + "]" * 999 + "}", 7, "recursion"),
    ('{"jsonrpc": "2.0", "id": 7, "params": {"a": "\\q"}}', 7, "escape"),
    ('{"jsonrpc": "2.0", "id": 7, "method": "' + "x" * 65_000_000 + '"}', 7, "longer than 64 MB"),
]


async def test_what_cannot_be_read_is_answered(database: Path) -> None:
    async with child_of(database) as child:
        for line, id_, said in UNREADABLE:
            await child.write_line("")  # says nothing
            await child.write_line(line)
            answer = await child.next_line()
            assert answer["id"] == id_, line[:80]
            assert said in answer["error"]["message"]
        await child.ask("tools/list")
        await child.end()


async def test_half_an_emoji_is_mended(database: Path) -> None:
    high, low = chr(0xD83D), chr(0xDE00)
    async with child_of(database) as child:
        for text in (high, low + "!", high + low, high + "\\ud83d" + high):
            answer = await child.call("get_experiences", task=f"Say {text}")
            assert not answer.failed
            assert "does not exist" in answer.text
        await child.end()


async def test_two_servers_on_one_database_lose_nothing(missing_database: Path) -> None:
    async def submit_all(client: Client, who: str) -> None:
        for number in range(200):
            await submit(client, f"Task {number} of {who}", group_id=f"{who}-{number}")

    async with stdio_client(missing_database) as one, stdio_client(missing_database) as two:
        await asyncio.gather(submit_all(one, "one"), submit_all(two, "two"))
        listed = await call(one, "list_libraries")

    (library,) = listed.data["libraries"]
    assert (library["groups"], library["waiting"]) == (400, 400)


async def test_what_was_acknowledged_survives_a_kill(database: Path) -> None:
    async with child_of(database) as child:
        acknowledged = await child.call(
            "submit_group", task="Cancel", trajectories=WON_AND_LOST, library="lib"
        )
        starting.kill(child.process)
        await child.process.wait()

    store = await open_store(database)
    kept = await store.groups.get("lib", acknowledged.data["group_id"])
    await store.close()

    assert [t.reward for t in kept.trajectories] == [1.0, 0.0]


# Attempts that others recorded


def lines(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the recorded attempts are not there: {path}")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.exhaustive
async def test_all_tau_bench_rollouts_become_groups_and_sending_them_twice_doubles_nothing(
    database: Path,
) -> None:
    rollouts = lines("tau-bench-airline/rollouts.jsonl")
    answers: dict[str, Answer] = {}
    async with stdio_client(database) as client:
        for rollout in [*rollouts, *rollouts]:
            answers[rollout["task_id"]] = await submit(
                client,
                rollout["task"],
                library="airline",
                group_id=rollout["task_id"],
                ground_truth=rollout["ground_truth_actions"],
                trajectories=[
                    {
                        "id": f"trial-{rollout['trial']}",
                        "messages": rollout["messages"],
                        "reward": rollout["reward"],
                    }
                ],
            )
        (library,) = (await call(client, "list_libraries")).data["libraries"]

    assert len(rollouts) == 136
    assert [a.data["trajectories"] for a in answers.values()] == [4] * 34
    assert sum(a.data["signal"] for a in answers.values()) == 17
    assert (library["groups"], library["waiting"]) == (34, 17)


@pytest.mark.parametrize(
    "name", first_of("korgym-datecount/groups.jsonl", "aime-2024/groups.jsonl")
)
async def test_recorded_evaluations_become_groups_of_which_half_have_signal(
    database: Path, name: str
) -> None:
    groups = lines(name)
    async with Client(build_server(Settings(database))) as client:
        answers = [
            await submit(
                client,
                group["task"],
                group_id=f"problem-{number}",
                ground_truth=group["ground_truth"],
                trajectories=[
                    {
                        "id": f"attempt-{n}",
                        **{k: attempt[k] for k in ("model", "output", "reward")},
                    }
                    for n, attempt in enumerate(group["attempts"])
                ],
            )
            for number, group in enumerate(groups)
            for _ in range(2)
        ]
        (library,) = (await call(client, "list_libraries")).data["libraries"]

    assert len(groups) == 30
    assert sum(a.data["signal"] for a in answers[::2]) == 15
    assert (library["groups"], library["waiting"]) == (30, 15)
