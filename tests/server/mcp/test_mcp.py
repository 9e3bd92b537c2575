"""The server as MCP clients see it, in memory, in the handshake era and in the 2026 one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias, cast

import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from experience_store import open_store
from experience_store.index_cache import IndexCache
from experience_store.operations import Add
from experience_store.store import Retrieval, Store
from experience_store.testing import lesson
from experience_store.token_estimate import estimate_tokens
from experience_store.update_runner import UpdateRunner
from server.mcp.build import build_server
from server.retrieval_log import RetrievalLog
from server.settings import Settings
from tests.builders import add, operation
from tests.builders import answer as operations
from tests.processes.calling import WON_AND_LOST, Answer, answers_to, call, learn, submit

Mode: TypeAlias = Literal["auto", "legacy"]
HOST_CUTS_RESULTS_AT = 25_000
TOOLS = ["get_experiences", "submit_group", "update_experiences", "submit_answers"]


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


@asynccontextmanager
async def connected(database: Path, mode: Mode = "auto") -> AsyncGenerator[Client]:
    """A client of a new server, as if the process had just been started."""
    async with Client(build_server(Settings(database)), mode=mode) as client:
        yield client


async def text_of(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def groups_stored(client: Client) -> int:
    libraries = (await call(client, "list_libraries")).data["libraries"]
    return sum(library["groups"] for library in libraries)


# The front door


async def test_the_five_tools_are_there_with_every_hint_set(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        tools = (await client.list_tools()).tools

    assert [t.name for t in tools] == [*TOOLS, "list_libraries"]
    for tool in tools:
        hints = tool.annotations
        assert hints
        assert tool.title
        assert tool.output_schema
        assert hints.destructive_hint is False
        assert hints.open_world_hint is False
        assert hints.idempotent_hint is (tool.name != "submit_group")
        assert hints.read_only_hint is (tool.name in {"get_experiences", "list_libraries"})


async def test_the_tools_take_the_arguments_that_clients_may_rely_on(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        schemas = {t.name: t.input_schema for t in (await client.list_tools()).tools}

    def takes(tool: str) -> tuple[set[str], set[str]]:
        return set(schemas[tool].get("properties", {})), set(schemas[tool].get("required", []))

    assert takes("get_experiences") == ({"task", "library", "max_tokens"}, {"task"})
    assert takes("submit_group") == (
        {"task", "trajectories", "library", "group_id", "ground_truth"},
        {"task", "trajectories"},
    )
    assert takes("update_experiences") == ({"library"}, set())
    assert takes("submit_answers") == ({"update_id", "answers"}, {"update_id", "answers"})
    assert takes("list_libraries") == ({"after"}, set())
    attempt = schemas["submit_group"]["properties"]["trajectories"]["items"]["properties"]
    assert {
        "reward",
        "messages",
        "output",
        "feedback",
        "retrieval_id",
        "model",
        "metadata",
        "id",
    } <= (set(attempt))
    answer = schemas["submit_answers"]["properties"]["answers"]["items"]["properties"]
    assert set(answer) == {"request_id", "answer"}


async def test_hosts_show_instructions_and_descriptions_uncut(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        tools = (await client.list_tools()).tools
        instructions = client.instructions

    assert instructions
    assert len(instructions) <= 2_048
    assert all(0 < len((t.description or "").encode()) <= 2_048 for t in tools)


async def test_the_tool_definitions_are_at_most_6_kb(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        tools = (await client.list_tools()).tools

    plain = [t.model_dump(by_alias=True, exclude_none=True, mode="json") for t in tools]
    compact = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)

    assert len(compact.encode()) <= 6 * 1024
    assert estimate_tokens(compact) < 2_000


# The cycle


async def test_what_was_submitted_is_learned_and_served(database: Path, mode: Mode) -> None:
    task = "Book the cheapest flight from Boston"
    async with connected(database, mode) as client:
        before = await call(client, "get_experiences", task=task, library="lib")
        submitted = await submit(client, task)
        published = await learn(client)
        after = await call(client, "get_experiences", task=task, library="lib")

    assert before.data["experiences"] == {}
    assert (submitted.data["signal"], submitted.data["trajectories"]) == (True, 2)
    assert "update_experiences" in submitted.data["next_step"]
    assert (published.data["status"], published.data["version"]) == ("published", 1)
    assert published.data["changes"] == [f"Add G1 Check details: {lesson(task)}"]
    assert after.data["experiences"] == {"G1": f"Check details: {lesson(task)}"}
    assert (after.data["library"], after.data["version"], after.data["omitted"]) == ("lib", 1, 0)
    assert after.data["retrieval_id"] != before.data["retrieval_id"]


def leaves(value: object) -> list[str]:
    """Every text in structured content."""
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value)
        return [leaf for v in inner.values() for leaf in leaves(v)]
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [leaf for v in items for leaf in leaves(v)]
    return [value] if isinstance(value, str) else []


async def test_text_and_structured_content_are_complete_each_by_itself(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        submitted = await submit(client, "Book a flight")
        asked = await call(client, "update_experiences", library="lib")
        answers = answers_to(asked.data["requests"])
        published = await call(
            client, "submit_answers", update_id=asked.data["update_id"], answers=answers
        )
        served = await call(client, "get_experiences", task="Book a flight", library="lib")
        listed = await call(client, "list_libraries")

    expected: list[tuple[Answer, set[str]]] = [
        (submitted, {"library", "group_id", "signal", "trajectories", "next_step"}),
        (asked, {"library", "update_id", "status", "requests", "next_step"}),
        (published, {"library", "update_id", "status", "version", "changes", "next_step"}),
        (
            served,
            {"library", "version", "experiences", "omitted", "retrieval_id", "next_step"},
        ),
        (listed, {"libraries", "next_step"}),
    ]
    for answer, fields in expected:
        assert fields <= set(answer.data)
        without_schemas = {
            k: [{**r, "answer_schema": None} for r in v] if k == "requests" else v
            for k, v in answer.data.items()
        }
        missing = [leaf for leaf in leaves(without_schemas) if leaf not in answer.text]
        assert missing == []
    (request,) = asked.data["requests"]
    assert set(request) == {"request_id", "prompt", "answer_schema"}
    assert '"reasons"' in request["prompt"], "the text alone must show the form of the answer"


@pytest.mark.parametrize("form", ["objects", "JSON strings"])
async def test_answers_come_in_any_order_in_several_calls_and_in_either_form(
    database: Path, mode: Mode, form: str
) -> None:
    tasks = ["Cancel a reservation", "Upgrade every passenger", "Refund luggage fees"]
    async with connected(database, mode) as client:
        for task in tasks:
            await submit(client, task)
        asked = await call(client, "update_experiences", library="lib")
        update_id = asked.data["update_id"]
        requests = asked.data["requests"]
        given = answers_to(requests)
        if form == "objects":
            given = [{**a, "answer": json.loads(str(a["answer"]))} for a in given]
        answer = asked
        for one in reversed(given):
            answer = await call(client, "submit_answers", update_id=update_id, answers=[one])
        while answer.data["status"] == "awaiting_answers":
            given = answers_to(answer.data["requests"])
            answer = await call(client, "submit_answers", update_id=update_id, answers=given)
        served = await call(client, "get_experiences", task="all", library="lib")

    assert answer.data["status"] == "published"
    assert {t.removeprefix("Check details: ") for t in served.data["experiences"].values()} == {
        lesson(task) for task in tasks
    }


async def test_an_update_goes_on_after_a_restart_and_asks_only_what_is_open(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        await submit(client, "Upgrade every passenger")
        asked = await call(client, "update_experiences", library="lib")
        first, second = asked.data["requests"]
        update_id = asked.data["update_id"]
        await call(client, "submit_answers", update_id=update_id, answers=answers_to([second]))

    async with connected(database, mode) as client:
        resumed = await call(client, "update_experiences", library="lib")
        published = await learn(client)

    assert resumed.data["update_id"] == update_id
    assert resumed.data["requests"] == [first]
    assert published.data["status"] == "published"
    assert len(published.data["changes"]) == 2


async def test_answers_are_taken_from_another_connection_without_asking_first(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        asked = await call(client, "update_experiences", library="lib")

    async with connected(database, mode) as client:
        published = await call(
            client,
            "submit_answers",
            update_id=asked.data["update_id"],
            answers=answers_to(asked.data["requests"]),
        )

    assert published.data["status"] == "published"


async def test_an_answer_that_does_not_fit_is_refused_and_the_others_are_kept(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        await submit(client, "Upgrade every passenger")
        asked = await call(client, "update_experiences", library="lib")
        good, bad = answers_to(asked.data["requests"])
        bad["answer"] = {"reasons": "no operations"}
        answer = await call(
            client, "submit_answers", update_id=asked.data["update_id"], answers=[bad, good]
        )

    assert not answer.failed
    assert answer.data["status"] == "awaiting_answers"
    assert [r["request_id"] for r in answer.data["requests"]] == [bad["request_id"]]
    (refused,) = answer.data["refused"]
    assert refused["request_id"] == bad["request_id"]
    assert "operations" in refused["reason"]
    assert refused["reason"] in answer.text


async def test_a_request_that_is_not_open_is_named_and_costs_the_others_nothing(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        asked = await call(client, "update_experiences", library="lib")
        strange: dict[str, object] = {"request_id": "compare-9", "answer": {}}
        answer = await call(
            client,
            "submit_answers",
            update_id=asked.data["update_id"],
            answers=[strange, *answers_to(asked.data["requests"])],
        )

    assert answer.data["status"] == "published"
    assert "no request 'compare-9' is open" in answer.data["refused"][0]["reason"]


async def test_answering_a_finished_update_again_changes_nothing(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        asked = await call(client, "update_experiences", library="lib")
        answers = answers_to(asked.data["requests"])
        update_id = asked.data["update_id"]
        first = await call(client, "submit_answers", update_id=update_id, answers=answers)
        again = await call(client, "submit_answers", update_id=update_id, answers=answers)
        nothing = await call(client, "update_experiences", library="lib")

    assert again.data == first.data
    assert nothing.data["status"] == "nothing_to_learn"
    assert nothing.data["update_id"] is None


async def test_an_unknown_update_says_how_to_find_the_right_one(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        answer = await call(
            client,
            "submit_answers",
            update_id="update-0",
            answers=[{"request_id": "compare-1", "answer": "{}"}],
        )

    assert answer.failed
    assert "update-0" in answer.text
    assert "Call update_experiences" in answer.text


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


async def test_a_page_of_requests_is_shown_whole_by_hosts_and_all_pages_come(
    database: Path, mode: Mode
) -> None:
    long = "word " * 12_000
    asked_for: list[str] = []
    async with connected(database, mode) as client:
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


async def test_what_another_process_published_is_served_at_once(
    database: Path, mode: Mode, store: Store
) -> None:
    async with connected(database, mode) as client:
        before = await call(client, "get_experiences", task="Book", library="lib")
        await store.libraries.edit("lib", [Add("Rule", "Check first.")], author="cli", note="")
        after = await call(client, "get_experiences", task="Book", library="lib")

    assert (before.data["version"], before.data["experiences"]) == (0, {})
    assert (after.data["version"], after.data["experiences"]) == (1, {"G1": "Rule: Check first."})


async def test_the_token_budget_is_kept_and_what_is_left_out_is_counted(
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
    assert f"{some.data['omitted']} less relevant ones were left out" in some.data["next_step"]
    assert (none.data["experiences"], none.data["omitted"]) == ({}, 30)
    assert none.data["next_step"].startswith("The library has 30 experiences, but none fits")


async def test_the_next_step_says_which_budget_gets_what_was_left_out(
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


async def test_a_group_that_was_set_aside_is_not_said_to_wait(
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


async def test_a_group_that_an_open_update_has_is_said_to_be_in_it(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Book", group_id="mine")
        await call(client, "update_experiences", library="lib")
        again = await submit(client, "Book", group_id="mine")

    assert "part of an open update: call update_experiences" in again.data["next_step"]


async def test_the_next_step_counts_what_was_refused(database: Path, mode: Mode) -> None:
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


async def test_an_update_that_finds_nothing_says_where_groups_wait(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        nowhere = await call(client, "update_experiences")
        await submit(client, "Cancel a reservation", library="airline")
        await submit(client, "Upgrade every passenger", library="airline")
        elsewhere = await call(client, "update_experiences")

    assert "Groups wait in" not in nowhere.data["next_step"]
    assert elsewhere.data["status"] == "nothing_to_learn"
    assert elsewhere.data["next_step"].endswith(
        "Groups wait in 'airline' (2): pass that name as library."
    )


# Calls that cannot be taken

BAD_CALLS: list[tuple[str, str, dict[str, object], str]] = [
    ("misspelt argument", "submit_group", {"taks": "x", "trajectories": []}, "mean 'task'"),
    (
        "retrieval_id beside the trajectories",
        "submit_group",
        {"task": "x", "trajectories": WON_AND_LOST, "retrieval_id": "r-1"},
        "has no argument 'retrieval_id': it belongs in each trajectory. Arguments: task,",
    ),
    (
        "misspelt reward",
        "submit_group",
        {"task": "x", "trajectories": [{"output": "a", "rewrad": 1}]},
        "trajectories.0.rewrad: unknown field; did you mean 'reward'?",
    ),
    (
        "score for reward",
        "submit_group",
        {"task": "x", "trajectories": [WON_AND_LOST[0], {"output": "a", "score": 1}]},
        "trajectories.1.score: unknown field; did you mean 'reward'?",
    ),
    (
        "bad library name",
        "submit_group",
        {"task": "x", "library": "Bad Name", "trajectories": WON_AND_LOST},
        "Try 'bad-name'",
    ),
    (
        "bad library name",
        "get_experiences",
        {"task": "x", "library": "../up"},
        "not a valid library name",
    ),
    ("bad library name", "update_experiences", {"library": "a/b"}, "Try 'a-b'"),
    (
        "reward that is text",
        "submit_group",
        {"task": "x", "trajectories": [{"output": "a", "reward": "good"}]},
        "trajectories.0.reward: Input should be a valid number",
    ),
    (
        "both messages and output",
        "submit_group",
        {
            "task": "x",
            "trajectories": [
                {"output": "a", "messages": [{"role": "user", "content": "b"}], "reward": 1}
            ],
        },
        "give either messages (OpenAI chat messages) or output (text)",
    ),
    (
        "neither messages nor output",
        "submit_group",
        {"task": "x", "trajectories": [{"reward": 1}]},
        "give either messages",
    ),
    ("empty task", "submit_group", {"task": " ", "trajectories": WON_AND_LOST}, "task: "),
    ("no trajectories", "submit_group", {"task": "x"}, "trajectories: Field required"),
    (
        "empty trajectories",
        "submit_group",
        {"task": "x", "trajectories": []},
        "trajectories: List should have at least 1 item",
    ),
    (
        "trajectories that are no list",
        "submit_group",
        {"task": "x", "trajectories": {"output": "a"}},
        "trajectories: Input should be a valid list",
    ),
    (
        "message without a role",
        "submit_group",
        {"task": "x", "trajectories": [{"messages": [{"content": "a"}], "reward": 1}]},
        "trajectories.0.messages.0.role: Field required",
    ),
    ("budget too large", "get_experiences", {"task": "x", "max_tokens": 20_001}, "20000"),
    ("negative budget", "get_experiences", {"task": "x", "max_tokens": -1}, "max_tokens: "),
    ("no answers", "submit_answers", {"update_id": "u", "answers": []}, "at least one answer"),
    (
        "answer without its request",
        "submit_answers",
        {"update_id": "u", "answers": [{"answer": {}}]},
        "answers.0: must be an object with request_id",
    ),
]


@pytest.mark.parametrize(
    ("tool", "arguments", "hint"),
    [case[1:] for case in BAD_CALLS],
    ids=[f"{case[0]} ({case[1]})" for case in BAD_CALLS],
)
async def test_an_error_says_how_to_mend_the_call_and_stores_nothing(
    database: Path, mode: Mode, tool: str, arguments: dict[str, object], hint: str
) -> None:
    async with connected(database, mode) as client:
        answer = await call(client, tool, **arguments)
        stored = await groups_stored(client)

    assert answer.failed
    assert hint in answer.text
    assert "Traceback" not in answer.text
    assert stored == 0


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("submit_group", {"task": "x", "trajectories": WON_AND_LOST, "retrieval_id": "r-1"}),
        ("submit_group", {"task": "x"}),
        ("update_experiences", {"libary": "lib"}),
        ("submit_answers", {"update_id": "u", "answer": {}}),
    ],
)
async def test_a_tool_that_stores_says_of_wrong_arguments_that_nothing_was_stored(
    database: Path, mode: Mode, tool: str, arguments: dict[str, object]
) -> None:
    async with connected(database, mode) as client:
        refused = await call(client, tool, **arguments)
        reading = await call(client, "get_experiences", task="x", libary="lib")

    assert refused.failed
    assert refused.text.endswith(" Nothing was stored.")
    assert reading.text.endswith("Arguments: task, library, max_tokens.")


@pytest.mark.parametrize("reward", ["NaN", "Infinity", "-inf", "1e999"])
async def test_a_reward_that_is_no_real_number_is_refused(
    database: Path, mode: Mode, reward: str
) -> None:
    async with connected(database, mode) as client:
        answer = await call(
            client, "submit_group", task="x", trajectories=[{"output": "a", "reward": reward}]
        )
        stored = await groups_stored(client)

    assert answer.failed
    assert "trajectories.0.reward" in answer.text
    assert "finite number" in answer.text
    assert stored == 0


async def test_one_bad_attempt_keeps_the_whole_group_out(database: Path, mode: Mode) -> None:
    bad = {"output": "c", "reward": 0, "feedbck": "x"}
    async with connected(database, mode) as client:
        answer = await call(client, "submit_group", task="x", trajectories=[*WON_AND_LOST, bad])
        stored = await groups_stored(client)

    assert "trajectories.2.feedbck: unknown field; did you mean 'feedback'?" in answer.text
    assert "Nothing was stored." in answer.text
    assert stored == 0


# Resources, prompts, completions


async def test_resources_show_the_library_and_what_is_below_it(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation", group_id="mine")
        await learn(client)
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        current = await text_of(client, "experience://lib")
        empty = await text_of(client, "experience://lib/versions/0")
        history = json.loads(await text_of(client, "experience://lib/history"))
        older = json.loads(await text_of(client, "experience://lib/history?before=1"))
        groups = json.loads(await text_of(client, "experience://lib/groups"))
        later = json.loads(await text_of(client, "experience://lib/groups?after=1"))
        updates = json.loads(await text_of(client, "experience://lib/updates"))

    assert [str(r.uri) for r in listed] == ["experience://lib", "skill://lib/SKILL.md"]
    assert "experience://{library}" in [t.uri_template for t in templates]
    assert f"- [G1] Check details: {lesson('Cancel a reservation')}" in current
    assert "(none yet)" in empty
    assert [v["version"] for v in history["versions"]] == [1, 0]
    assert history["versions"][0]["changes"][0].startswith("Add G1")
    assert [v["version"] for v in older["versions"]] == [0]
    assert (groups["groups"], groups["listed"][0]["id"]) == (1, "mine")
    assert later["listed"] == []
    assert [u["status"] for u in updates["updates"]] == ["published"]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("experience://airlines", "did you mean airline"),
        ("experience://airline/versions/7", "it has 0 to 0"),
    ],
)
async def test_a_resource_that_does_not_exist_is_said_so(
    database: Path, mode: Mode, store: Store, uri: str, reason: str
) -> None:
    await store.libraries.ensure("airline")
    async with connected(database, mode) as client:
        with pytest.raises(MCPError, match=reason):
            await client.read_resource(uri)


async def test_prompts_carry_the_lessons_and_the_way_to_learn(
    database: Path, mode: Mode, store: Store
) -> None:
    await store.libraries.edit("lib", [Add("Rule", "Check first.")], author="cli", note="")

    async with connected(database, mode) as client:
        names = [p.name for p in (await client.list_prompts()).prompts]
        arguments = {"task": "Book a flight", "library": "lib"}
        solve = await client.get_prompt("solve_with_experiences", arguments)
        learn_ = await client.get_prompt("learn_from_attempts", {"library": "lib"})

    assert names == ["solve_with_experiences", "learn_from_attempts"]
    texts = [
        m.content.text
        for p in (solve, learn_)
        for m in p.messages
        if isinstance(m.content, TextContent)
    ]
    assert texts[0].startswith("Book a flight\n")
    assert "[G1] Rule: Check first." in texts[0]
    assert "update_experiences with library 'lib'" in texts[1]


async def test_library_names_and_versions_are_completed(
    database: Path, mode: Mode, store: Store
) -> None:
    for name in ("airline", "airport", "retail"):
        await store.libraries.ensure(name)
    await store.libraries.edit("airline", [Add("Rule", "Check.")], author="cli", note="")
    template = ResourceTemplateReference(
        type="ref/resource", uri="experience://{library}/versions/{version}"
    )
    prompt = PromptReference(type="ref/prompt", name="solve_with_experiences")

    async with connected(database, mode) as client:
        in_template = await client.complete(template, {"name": "library", "value": "air"})
        in_prompt = await client.complete(prompt, {"name": "library", "value": "re"})
        versions = await client.complete(
            template, {"name": "version", "value": ""}, {"library": "airline"}
        )

    assert in_template.completion.values == ["airline", "airport"]
    assert in_prompt.completion.values == ["retail"]
    assert versions.completion.values == ["1", "0"]


# Changes


async def test_who_listens_is_told_of_a_new_version(database: Path) -> None:
    uris = ["experience://lib", "experience://lib/info", "experience://lib/history"]
    async with connected(database) as client:
        await submit(client, "Cancel a reservation")
        async with client.listen(
            resources_list_changed=True, resource_subscriptions=uris
        ) as changes:
            published = await learn(client)
            await submit(client, "Cancel a reservation", library="another")
            told: list[ServerEvent] = [await anext(changes) for _ in range(4)]

    assert published.data["status"] == "published"
    assert told == [*map(ResourceUpdated, uris), ResourcesListChanged()]


async def test_an_update_without_a_new_version_is_no_change(database: Path) -> None:
    nothing = json.dumps({"reasons": "Luck.", "operations": []})
    async with connected(database) as client:
        await submit(client, "Cancel a reservation")
        async with client.listen(resource_subscriptions=["experience://lib"]) as changes:
            asked = await call(client, "update_experiences", library="lib")
            closed = await call(
                client,
                "submit_answers",
                update_id=asked.data["update_id"],
                answers=[{"request_id": "compare-1", "answer": nothing}],
            )
            await submit(client, "Upgrade every passenger")
            published = await learn(client)
            first = await anext(changes)

    assert closed.data["status"] == "nothing_to_learn"
    assert published.data["version"] == 1
    assert first == ResourceUpdated("experience://lib")


async def test_a_retrieval_is_tied_to_what_it_earned(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        await learn(client)
        served = await call(client, "get_experiences", task="Cancel a reservation", library="lib")
        used = {**WON_AND_LOST[0], "retrieval_id": served.data["retrieval_id"]}
        await submit(client, "Cancel another", trajectories=[used, WON_AND_LOST[1]])
        asked = await call(client, "update_experiences", library="lib")

    assert 'experiences_given="G1"' in asked.data["requests"][0]["prompt"]


async def test_a_retrieval_that_is_not_of_this_library_is_said_so_and_taken(
    database: Path, mode: Mode
) -> None:
    def used(retrieval_id: object) -> list[object]:
        return [{**WON_AND_LOST[0], "retrieval_id": retrieval_id}, WON_AND_LOST[1]]

    async with connected(database, mode) as client:
        right = await call(client, "get_experiences", task="Book", library="lib")
        other = await call(client, "get_experiences", task="Book", library="other")
        right_id, other_id = right.data["retrieval_id"], other.data["retrieval_id"]
        at_once = await submit(client, "One", trajectories=used(right_id))
        elsewhere = await submit(client, "Two", trajectories=used(other_id))
        unknown = await submit(client, "Three", trajectories=used("r-0"))
        stored = await groups_stored(client)

    async with connected(database, mode) as client:
        later = await submit(client, "Four", trajectories=used(right_id))

    assert "retrieval_id" not in at_once.data["next_step"] + later.data["next_step"]
    assert f"{other_id!r} belongs to library 'other': the attempts" in elsewhere.data["next_step"]
    assert "retrieval_id 'r-0' is unknown: the attempts" in unknown.data["next_step"]
    assert stored == 3


async def test_a_retrieval_is_known_while_it_is_being_written(store: Store) -> None:
    log = RetrievalLog(store)
    await store.libraries.ensure("lib")
    log.add(Retrieval("r-1", "lib", 0, "Book", ()))
    before = await log.libraries_of(["r-1"])
    writing = asyncio.create_task(log.flush())
    while not writing.done():
        assert await log.libraries_of(["r-1"]) == {"r-1": "lib"}
        await asyncio.sleep(0)
    after = await log.libraries_of(["r-1", "r-2"])
    await log.close()

    assert before == after == {"r-1": "lib"}


async def test_two_connections_share_one_library(database: Path, mode: Mode) -> None:
    server = build_server(Settings(database))
    async with Client(server, mode=mode) as one, Client(server, mode=mode) as two:
        await submit(one, "Cancel a reservation")
        published = await learn(two)
        served = await call(one, "get_experiences", task="Cancel", library="lib")

    assert published.data["version"] == served.data["version"] == 1


async def test_a_closed_server_leaves_the_database_to_others(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")

    reopened = await open_store(database)
    counts = await reopened.groups.counts("lib")
    await reopened.close()

    assert (counts.groups, counts.waiting) == (1, 1)
