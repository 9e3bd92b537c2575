"""Looking after libraries from a host: over stdio, over HTTP, in both protocol eras."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import ElicitRequestParams, ElicitResult

from experience_store.library import Policy
from experience_store.operations import Add
from experience_store.store import Store
from experience_store.token_estimate import estimate_tokens
from server.access import EVERYTHING, Access, current_access
from server.mcp.build import build_server
from server.settings import Settings
from tests.paths import ROOT
from tests.processes.calling import call, learn, submit
from tests.processes.starting import cli_command
from tests.server.http.in_process import served_in_process
from tests.server.mcp.admin.connecting import Mode, connected

TOOLS = [
    "describe_library",
    "library_history",
    "compare_versions",
    "roll_back_library",
    "add_experience",
    "revise_experience",
    "retire_experiences",
    "review_updates",
    "delete_library",
]
FIRST = "When a customer wants a refund, check the fare rules."
SECOND = "When a flight is full, offer the next one."


class User:
    """The user of a host that can ask: answers every question alike."""

    def __init__(self, action: Literal["accept", "decline", "cancel"], name: str = "") -> None:
        self.asked: list[str] = []
        self._answer = ElicitResult(action=action, content={"name": name} if name else None)

    async def __call__(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        del context
        self.asked.append(params.message)
        return self._answer


@asynccontextmanager
async def over_stdio(
    database: Path, mode: Mode, user: User | None = None
) -> AsyncGenerator[Client]:
    command, *arguments = cli_command("serve", "--administration", "--database", str(database))
    child = StdioServerParameters(command=command, args=arguments, cwd=ROOT)
    async with Client(child, mode=mode, elicitation_callback=user) as client:
        yield client


async def look_after(client: Client) -> dict[str, Any]:
    """A life of a library, up to its end; what the steps answered, by tool."""
    steps: list[tuple[str, dict[str, object]]] = [
        ("describe_library", {"agent_objective": "Books flights", "policy": {"max_words": 20}}),
        ("add_experience", {"text": FIRST, "name": "Check", "note": "seen  today"}),
        ("add_experience", {"text": SECOND}),
        ("revise_experience", {"id": "[g1]", "text": "When refunds are asked for, check fares."}),
        ("retire_experiences", {"ids": ["G2", "2"]}),
        ("roll_back_library", {"version": 2, "note": "too much"}),
        ("compare_versions", {"old": 4}),
        ("library_history", {"limit": 3}),
    ]
    found: dict[str, Any] = {}
    for tool, arguments in steps:
        answer = await call(client, tool, library="lib", **arguments)
        assert not answer.failed, answer.text
        found[tool] = answer
    return found


def check_life(found: dict[str, Any], host: str) -> None:
    described = found["describe_library"].data
    assert described["agent_objective"] == "Books flights"
    assert described["policy"]["max_words"] == 20
    assert found["revise_experience"].data["changes"] == [
        "~ G1 Check: When refunds are asked for, check fares."
    ]
    assert found["retire_experiences"].data["changes"] == ["- G2"]
    rolled_back = found["roll_back_library"].data
    assert (rolled_back["version"], rolled_back["experiences"]) == (5, 2)
    assert f"+ G2 {SECOND}" in rolled_back["changes"]
    assert found["compare_versions"].data["summary"] == "1 added, 1 reworded"
    versions = found["library_history"].data["versions"]
    assert [v["version"] for v in versions] == [5, 4, 3]
    assert {v["author"] for v in versions} == {host}
    assert versions[0]["note"] == "too much"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_library_is_looked_after_over_stdio_and_deleted_when_its_user_says_so(
    database: Path, mode: Mode
) -> None:
    user = User("accept", "lib")
    async with over_stdio(database, mode, user) as client:
        names = [t.name for t in (await client.list_tools()).tools]
        found = await look_after(client)
        deleted = await call(client, "delete_library", library="lib")
        left = await call(client, "list_libraries")

    assert names[5:] == TOOLS
    check_life(found, "host mcp")
    (asked,) = user.asked
    assert asked.startswith(
        "Permanently delete library 'lib'? It contains 2 experiences in 6 versions"
    )
    assert deleted.data["deleted"] is True
    assert left.data["libraries"] == []


async def test_over_http_the_user_is_asked_where_that_can_be_and_else_the_name_is_repeated(
    database: Path,
) -> None:
    user = User("accept", "lib")
    async with served_in_process(database, "--administration") as server:
        async with Client(server.url, mode="auto", elicitation_callback=user) as client:
            check_life(await look_after(client), "host mcp")
            deleted = await call(client, "delete_library", library="lib")
        async with Client(server.url, mode="legacy", elicitation_callback=user) as client:
            # calls stand alone: there is nothing to ask on, nor to know the host from
            check_life(await look_after(client), "host")
            first = await call(client, "delete_library", library="lib")
            wrong = await call(client, "delete_library", library="lib", confirm="yes")
            right = await call(client, "delete_library", library="lib", confirm="lib")

    assert len(user.asked) == 1
    assert [a.failed for a in (deleted, first, wrong, right)] == [False, True, True, False]
    assert "call again with confirm 'lib'" in first.text
    assert deleted.data["deleted"] is right.data["deleted"] is True


async def test_without_the_switch_there_are_none_of_them(database: Path) -> None:
    async with Client(build_server(Settings(database))) as client:
        names = [t.name for t in (await client.list_tools()).tools]
        answer = await call(client, "delete_library", library="lib", confirm="lib")

    assert not set(names) & set(TOOLS)
    assert answer.failed


async def test_the_definitions_are_at_most_8_kb_beside_the_core_s_6(database: Path) -> None:
    async with connected(database) as client:
        tools = (await client.list_tools()).tools

    plain = [t.model_dump(by_alias=True, exclude_none=True, mode="json") for t in tools[5:]]
    assert len(json.dumps(plain, separators=(",", ":"), ensure_ascii=False)) <= 8 * 1024
    assert {t.name for t in tools if t.annotations and t.annotations.destructive_hint} == {
        "delete_library"
    }
    assert all(t.title and t.output_schema for t in tools)


@pytest.mark.parametrize(
    ("user", "failed"),
    [(User("decline"), False), (User("cancel"), False), (User("accept", "other"), True)],
)
async def test_what_the_user_does_not_confirm_is_not_deleted(
    database: Path, mode: Mode, user: User, *, failed: bool
) -> None:
    async with connected(database, mode, user) as client:
        await call(client, "add_experience", library="lib", text=FIRST)
        answer = await call(client, "delete_library", library="lib", confirm="lib")
        left = await call(client, "list_libraries")

    assert answer.failed is failed
    assert "not deleted" in answer.text
    assert [lib["name"] for lib in left.data["libraries"]] == ["lib"]


async def test_a_library_of_a_deleted_one_s_name_has_nothing_of_it(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel the reservation")
        await learn(client)
        await call(client, "get_experiences", task="Cancel", library="lib")
        await call(client, "delete_library", library="lib", confirm="lib")
        gone = await call(client, "library_history", library="lib")
        await call(client, "add_experience", library="lib", text=SECOND)
        served_now = await call(client, "get_experiences", task="Cancel", library="lib")
        groups = (await call(client, "list_libraries")).data["libraries"][0]["groups"]

    assert gone.failed
    assert "library 'lib' does not exist" in gone.text
    assert served_now.data["experiences"] == {"G1": SECOND}
    assert groups == 0


async def test_an_update_of_a_deleted_library_is_over(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel the reservation")
        asked = await call(client, "update_experiences", library="lib")
        await call(client, "delete_library", library="lib", confirm="lib")
        answer = await call(
            client,
            "submit_answers",
            update_id=asked.data["update_id"],
            answers=[{"request_id": "compare-1", "answer": "{}"}],
        )

    assert answer.failed
    assert "does not exist" in answer.text


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("describe_library", {"policy": {"max_word": 3}}, "did you mean 'max_words'?"),
    ("describe_library", {"policy": {"max_words": "3"}}, "policy: max_words: Input should"),
    ("describe_library", {"agent_objective": "x" * 2_001}, "may have at most 2000 characters"),
    ("add_experience", {"text": "word " * 33}, "33 words; at most 32 are allowed"),
    ("add_experience", {"text": "See https://example.com first."}, "link"),
    ("revise_experience", {"id": "G7", "text": "New."}, "has no experience G7 now"),
    ("retire_experiences", {"ids": ["first"]}, "is not a valid experience id"),
    ("retire_experiences", {"ids": []}, "ids: must have at least 1."),
    ("roll_back_library", {"version": 9}, "it has 0 to 1"),
    ("compare_versions", {"old": 9}, "it has 0 to 1"),
    ("add_experience", {"txt": "New."}, "Did you mean 'text'?"),
]


async def test_what_cannot_be_done_is_said_and_changes_nothing(database: Path) -> None:
    async with connected(database) as client:
        await call(client, "add_experience", library="lib", text=FIRST)
        for tool, arguments, reason in REFUSED:
            answer = await call(client, tool, library="lib", **arguments)
            assert answer.failed, (tool, arguments)
            assert reason in answer.text
        history = await call(client, "library_history", library="lib")
        described = await call(client, "describe_library", library="lib")

    assert [v["version"] for v in history.data["versions"]] == [1, 0]
    assert described.data["policy"]["max_words"] == Policy().max_words


async def test_showing_and_changing_what_is_not_there_makes_nothing(database: Path) -> None:
    async with connected(database) as client:
        answers = [
            await call(client, "describe_library", library="nope"),
            await call(client, "retire_experiences", library="nope", ids=["G1"]),
            await call(client, "revise_experience", library="nope", id="G1", text="New."),
            await call(client, "delete_library", library="nope", confirm="nope"),
        ]
        left = await call(client, "list_libraries")

    assert all("library 'nope' does not exist" in answer.text for answer in answers)
    assert left.data["libraries"] == []


async def test_text_and_structured_content_say_the_same(database: Path) -> None:
    async with connected(database) as client:
        found = await look_after(client)

    for tool, answer in found.items():
        for text in (answer.text, json.dumps(answer.data, ensure_ascii=False)):
            assert "lib" in text, tool
    assert "too much" in found["library_history"].text
    assert "- G1 Check: When refunds are asked for" in found["compare_versions"].text


async def test_long_histories_fit_into_what_hosts_show_and_say_what_is_left_out(
    database: Path, store: Store
) -> None:
    many = [Add("", f"When booking flight {n}, check rule {n} before you do.") for n in range(3000)]
    await store.libraries.edit("lib", many, author="cli", note="")
    for number in range(3):
        await store.libraries.edit("lib", [Add("", f"Rule {number}.")], author="cli", note="")
    async with connected(database) as client:
        newest = await call(client, "library_history", library="lib")
        older = await call(client, "library_history", library="lib", before=2)
        whole = await call(client, "compare_versions", library="lib", old=0)

    assert [v["version"] for v in newest.data["versions"]] == [4, 3, 2]
    assert "before 2" in newest.data["next_step"]
    (big, first) = older.data["versions"]
    assert (first["version"], len(big["changes"]) + big["omitted"]) == (0, 3000)
    assert len(whole.data["changes"]) + whole.data["omitted"] == 3003
    for answer in (newest, older, whole):
        assert estimate_tokens(answer.text) < 20_000


async def test_what_is_done_by_hand_is_announced(database: Path) -> None:
    uri = "experience://lib"
    async with (
        connected(database) as client,
        client.listen(resources_list_changed=True, resource_subscriptions=[uri]) as changes,
    ):
        await call(client, "add_experience", library="lib", text=FIRST)
        added = [await anext(changes), await anext(changes)]
        await call(client, "delete_library", library="lib", confirm="lib")
        deleted = [await anext(changes), await anext(changes)]

    assert added == deleted == [ResourceUpdated(uri), ResourcesListChanged()]


async def test_the_history_names_for_whom_a_host_called(database: Path) -> None:
    alice = Access("alice", EVERYTHING.scopes, None)
    server = build_server(Settings(database, administration=True))
    token = current_access.set(alice)
    try:
        async with Client(server) as client:
            await call(client, "add_experience", library="lib", text=FIRST)
            history = await call(client, "library_history", library="lib")
    finally:
        current_access.reset(token)

    assert history.data["versions"][0]["author"] == "host mcp for alice"
