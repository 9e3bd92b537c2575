"""What results say: groups without signal, token budgets and the next step."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError

from experience_store.index_cache import IndexCache
from experience_store.operations import Add
from experience_store.store import Store
from experience_store.token_estimate import estimate_tokens
from experience_store.update_runner import UpdateRunner
from tests.builders import add, operation
from tests.builders import answer as operations
from tests.databases import contents
from tests.processes.calling import WON_AND_LOST, answers_to, call, learn, submit
from tests.server.mcp.connections import (
    HOST_CUTS_RESULTS_AT,
    Mode,
    connected,
)


async def test_attempts_are_added_to_a_group_until_it_has_signal(
    database: Path, mode: Mode
) -> None:
    won, lost = WON_AND_LOST
    async with connected(database, mode) as client:
        first = await submit(client, "Book", trajectories=[won], group_id="mine")
        second = await submit(client, "Book", trajectories=[lost], group_id="mine")
        again = await submit(client, "Book", trajectories=[lost], group_id="mine")

    assert (first.data["group_id"], first.data["signal"]) == ("mine", False)
    assert "'mine'" in first.data["next_step"]
    assert (second.data["signal"], second.data["trajectories"]) == (True, 2)
    assert again.data["trajectories"] == 2
    assert "1 attempt already stored" in again.data["next_step"]


@pytest.mark.parametrize("rewards", [(1, 1), (0, 0), (None, None), (1, None), (-2.5, -2.5)])
async def test_nothing_is_asked_for_groups_without_signal(
    database: Path, mode: Mode, rewards: tuple[float | None, float | None]
) -> None:
    attempts = [{"output": f"attempt {n}", "reward": r} for n, r in enumerate(rewards)]
    async with connected(database, mode) as client:
        submitted = await submit(client, "Book", trajectories=attempts)
        asked = await call(client, "update_experiences", library="lib")

    assert submitted.data["signal"] is False
    assert asked.data["status"] == "nothing_to_learn"
    assert "requests" not in asked.data


async def test_a_page_of_requests_fits_what_hosts_show_and_all_pages_come(database: Path) -> None:
    long = "word " * 12_000
    asked_for: list[str] = []
    async with connected(database) as client:
        for number in range(8):
            attempts = [
                {"output": f"{number} good {long}", "reward": 1},
                {"output": f"{number} bad {long}", "reward": 0},
            ]
            await submit(client, f"Task number {number}", trajectories=attempts)
        answer = await call(client, "update_experiences", library="lib")
        while answer.data["status"] == "awaiting_answers":
            assert estimate_tokens(answer.text) <= HOST_CUTS_RESULTS_AT
            structured = json.dumps(answer.data, ensure_ascii=False)
            assert estimate_tokens(structured) <= HOST_CUTS_RESULTS_AT
            asked_for += [r["request_id"] for r in answer.data["requests"]]
            answer = await call(
                client,
                "submit_answers",
                update_id=answer.data["update_id"],
                answers=answers_to(answer.data["requests"]),
            )

    assert [r for r in asked_for if r.startswith("compare")] == [
        f"compare-{n}" for n in range(1, 9)
    ]
    assert answer.data["status"] == "published"


async def test_a_version_published_by_another_process_is_served_at_once(
    database: Path, mode: Mode, store: Store
) -> None:
    async with connected(database, mode) as client:
        before = await call(client, "get_experiences", task="Book", library="lib")
        await store.libraries.edit("lib", [Add("Rule", "Check first.")], author="cli", note="")
        after = await call(client, "get_experiences", task="Book", library="lib")

    assert (before.data["version"], before.data["experiences"]) == (0, {})
    assert (after.data["version"], after.data["experiences"]) == (1, {"G1": "Rule: Check first."})


async def test_the_token_budget_is_kept_and_omissions_are_counted(
    database: Path, mode: Mode, store: Store
) -> None:
    many = [Add(f"Rule {n}", f"When booking flight {n}, check the rule {n}.") for n in range(30)]
    await store.libraries.edit("lib", many, author="cli", note="")
    async with connected(database, mode) as client:
        some = await call(
            client, "get_experiences", task="Book flight 7", library="lib", max_tokens=100
        )
        none = await call(
            client, "get_experiences", task="Book flight 7", library="lib", max_tokens=0
        )

    served = some.data["experiences"]
    assert 0 < len(served) < 30
    assert len(served) + some.data["omitted"] == 30
    assert estimate_tokens("\n".join(served.values())) <= 100
    assert f"Left out: {some.data['omitted']} less relevant experience" in some.data["next_step"]
    assert (none.data["experiences"], none.data["omitted"]) == ({}, 30)
    assert none.data["next_step"].startswith("The library has 30 experiences, but none fits")


async def test_the_next_step_names_the_budget_that_would_fit_everything(
    database: Path, mode: Mode, store: Store
) -> None:
    many = [Add(f"Rule {n}", f"When booking flight {n}, check the rule {n}.") for n in range(30)]
    await store.libraries.edit("lib", many, author="cli", note="")
    async with connected(database, mode) as client:
        asked = {"task": "Book flight 7", "library": "lib"}
        some = await call(client, "get_experiences", **asked, max_tokens=100)
        named = re.search(r"max_tokens (\d+) returns all of them", some.data["next_step"])
        assert named
        all_ = await call(client, "get_experiences", **asked, max_tokens=int(named[1]))

    assert (len(all_.data["experiences"]), all_.data["omitted"]) == (30, 0)
    assert "left out" not in all_.text


async def test_an_empty_library_names_those_that_have_experiences(
    database: Path, mode: Mode, store: Store
) -> None:
    rules = [Add("One", "Check first."), Add("Two", "Answer then.")]
    for name in ("default", "airlines", "zzz"):
        await store.libraries.ensure(name)
    async with connected(database, mode) as client:
        alone = await call(client, "get_experiences", task="Book")
        await store.libraries.edit("airline", rules, author="cli", note="")
        await store.libraries.ensure("retail")
        forgotten = await call(client, "get_experiences", task="Book")
        for number in range(6):
            await store.libraries.edit(f"other-{number}", rules, author="cli", note="")
        misspelt = await call(client, "get_experiences", task="Book", library="airlines")
        strange = await call(client, "get_experiences", task="Book", library="zzz")

    assert alone.data["next_step"].startswith("This library has no experiences yet. Do the task")
    assert "no experiences yet; others: 'airline' (2). Do" in forgotten.data["next_step"]
    assert "no experiences yet; others: 'airline' (2). Do" in misspelt.data["next_step"]
    assert "others: 7 libraries, see list_libraries." in strange.data["next_step"]
    assert forgotten.data["next_step"] in forgotten.text


async def test_asking_for_an_unknown_library_makes_none_and_suggests_the_near_one(
    database: Path, mode: Mode, store: Store
) -> None:
    untouched = contents(database)
    async with connected(database, mode) as client:
        first = await call(client, "get_experiences", task="Book")
        nothing = await call(client, "update_experiences")
        await client.get_prompt("solve_with_experiences", {"task": "Book", "library": "lib"})
    assert contents(database) == untouched

    await store.libraries.edit("airline", [Add("One", "Check.")], author="cli", note="")
    known = contents(database)
    async with connected(database, mode) as client:
        got = await call(client, "get_experiences", task="Book", library="airlin")
        update = await call(client, "update_experiences", library="airlin")
        arguments = {"task": "Book", "library": "airlin"}
        solve = repr(await client.get_prompt("solve_with_experiences", arguments))
        for reading in (
            client.get_prompt("learn_from_attempts", {"library": "airlin"}),
            client.read_resource("experience://airlin/history"),
            client.read_resource("skill://airlin/SKILL.md"),
        ):
            with pytest.raises(MCPError, match="did you mean 'airline'"):
                await reading
        assert contents(database) == known
        used = [{**t, "retrieval_id": got.data["retrieval_id"]} for t in WON_AND_LOST]
        begun = await submit(client, "Book", library="airlin", trajectories=used)

    beginning = "A library begins with its first submission."
    assert first.data["next_step"].startswith(
        f"Library 'default' does not exist; there are no libraries yet. {beginning} Do the task"
    )
    assert nothing.data["status"] == "nothing_to_learn"
    assert (got.failed, got.data["version"], got.data["experiences"]) == (False, 0, {})
    suggestion = (
        f"Library 'airlin' does not exist; did you mean 'airline' (1 experience)? {beginning}"
    )
    for text in (got.text, got.data["next_step"], update.text, update.data["next_step"], solve):
        assert suggestion in text
    assert begun.data["next_step"] == ("1 group waiting: call update_experiences to learn from it.")


async def test_a_group_that_was_set_aside_is_not_reported_as_waiting(
    database: Path, mode: Mode, store: Store
) -> None:
    runner = UpdateRunner(store, IndexCache(store))
    async with connected(database, mode) as client:
        await submit(client, "Book", group_id="mine")
        for _ in range(3):
            update_id = await runner.begin("lib", "host", 8)
            assert update_id
            failed = await runner.give_up(await runner.resume(update_id), "compare-1", "no JSON")
            await runner.finish(failed, author="host")
        again = await submit(client, "Book", group_id="mine")
        more = {"output": "I asked first.", "reward": 0.5}
        tried = await submit(client, "Book", group_id="mine", trajectories=[more])

    assert "set aside after failed updates (the last: no JSON)" in again.data["next_step"]
    assert "update_experiences" not in again.data["next_step"]
    assert "1 group waiting" in tried.data["next_step"]


async def test_a_group_in_an_open_update_is_reported_as_such(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Book", group_id="mine")
        await call(client, "update_experiences", library="lib")
        again = await submit(client, "Book", group_id="mine")

    assert "part of an open update: call update_experiences" in again.data["next_step"]


async def test_the_next_step_counts_refused_operations(database: Path, mode: Mode) -> None:
    given = operations(add("Check first."), operation("Retire", "G9"))
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        asked = await call(client, "update_experiences", library="lib")
        answer = await call(
            client,
            "submit_answers",
            update_id=asked.data["update_id"],
            answers=[{"request_id": "compare-1", "answer": given}],
        )
        await submit(client, "Upgrade every passenger")
        clean = await learn(client)

    assert answer.data["status"] == "published"
    assert [c.split()[0] for c in answer.data["changes"]] == ["Add", "Refused"]
    assert "1 proposal refused" in answer.data["next_step"]
    assert "refused" not in clean.data["next_step"]


async def test_an_update_without_groups_says_which_libraries_have_some(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        nowhere = await call(client, "update_experiences")
        await submit(client, "Cancel a reservation", library="airline")
        await submit(client, "Upgrade every passenger", library="airline")
        elsewhere = await call(client, "update_experiences")

    assert "Groups are waiting in" not in nowhere.data["next_step"]
    assert elsewhere.data["status"] == "nothing_to_learn"
    assert elsewhere.data["next_step"].endswith(
        "Groups are waiting in 'airline' (2); to learn there, pass the library's name."
    )
