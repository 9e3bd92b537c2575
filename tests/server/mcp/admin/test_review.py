"""What was learned waits for a person's word where the library says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mcp import Client
from mcp_types import ElicitRequestParams, ElicitResult

from experience_store.operations import Add, Retire
from experience_store.store import Store
from experience_store.testing import ScriptedEndpoint
from experience_store.token_estimate import estimate_tokens
from tests.builders import answer as operations
from tests.builders import operation
from tests.processes.calling import Answer, call, submit
from tests.server.cli.program import Program
from tests.server.mcp.admin.connecting import Mode, connected

CHECK, ASK = "When a fare is unclear, check it.", "When a date is missing, ask."


class User:
    def __init__(self, *, agree: bool) -> None:
        self.asked: list[str] = []
        self._agree = agree

    async def __call__(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        del context
        self.asked.append(params.message)
        return ElicitResult(action="accept", content={"agree": self._agree})


async def learned(client: Client, *proposed: dict[str, object]) -> Answer:
    """Two lessons, or what is proposed, learned in a library with review."""
    await call(client, "describe_library", library="lib", policy={"review": True})
    await submit(client, "Book a flight")
    asked = await call(client, "update_experiences", library="lib")
    adds = [
        operation("Add", experience=CHECK, name="Check"),
        operation("Add", experience=ASK, name="Ask"),
    ]
    answers = [{"request_id": "compare-1", "answer": operations(*(proposed or adds))}]
    update_id = asked.data["update_id"]
    closed = await call(client, "submit_answers", update_id=update_id, answers=answers)
    assert not closed.failed, closed.text
    return closed


async def shown(client: Client) -> list[str]:
    got = await call(client, "get_experiences", task="Book a flight", library="lib")
    return sorted(got.data["experiences"].values())


async def test_nothing_is_published_before_review(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        closed = await learned(client)
        before = await shown(client)
        again = await call(client, "update_experiences", library="lib")
        waiting = await call(client, "review_updates", library="lib")
        decided = await call(
            client,
            "review_updates",
            library="lib",
            update_id=closed.data["update_id"],
            decision="publish",
            note="fine",
        )
        after = await shown(client)
        history = await call(client, "library_history", library="lib", limit=1)

    assert closed.data["status"] == "awaiting_review"
    assert closed.data["changes"] == [f"Add Check: {CHECK}", f"Add Ask: {ASK}"]
    assert "experience-mcp review lib" in closed.data["next_step"]
    assert before == []
    assert again.data["status"] == "nothing_to_learn"
    assert "1 update waiting for a person's review" in again.text
    (update,) = waiting.data["waiting"]
    assert update["changes"] == [f"1. + Check: {CHECK}", f"2. + Ask: {ASK}"]
    assert f"2. + Ask: {ASK}" in waiting.text
    assert (decided.data["status"], decided.data["version"]) == ("published", 1)
    assert decided.data["waiting"] == []
    assert after == sorted([f"Check: {CHECK}", f"Ask: {ASK}"])
    (version,) = history.data["versions"]
    assert version["author"].startswith("host")
    assert version["note"] == "learned from 1 group, reviewed: fine"


async def test_some_changes_can_be_published_and_the_rest_rejected_with_a_reason(
    database: Path, store: Store
) -> None:
    async with connected(database) as client:
        closed = await learned(client)
        await call(
            client,
            "review_updates",
            library="lib",
            update_id=closed.data["update_id"],
            decision="publish",
            only=[2],
        )
        after = await shown(client)
    version = await store.libraries.version("lib", 1)
    provenance = await store.libraries.provenance("lib", "G1")

    assert after == [f"Ask: {ASK}"]
    (refusal,) = version.refusals
    assert "rejected in review by" in refusal.reason
    assert provenance.origins[0].groups[0].task == "Book a flight"
    assert provenance.origins[0].answers


async def test_a_rejected_change_is_not_learned_again(database: Path) -> None:
    async with connected(database) as client:
        closed = await learned(client)
        which = {"library": "lib", "update_id": closed.data["update_id"], "decision": "reject"}
        rejected = await call(client, "review_updates", note="too vague", **which)
        again = await call(client, "review_updates", **which)
        learning = await call(client, "update_experiences", library="lib")
        after = await shown(client)

    assert rejected.data["status"] == "rejected"
    assert "version" not in rejected.data
    assert "rejected in review by" in rejected.text
    assert ": too vague" in rejected.text
    assert again.failed
    assert "is not awaiting review" in again.text
    assert learning.data["status"] == "nothing_to_learn"
    assert after == []


async def test_a_review_does_not_overwrite_later_changes(database: Path, store: Store) -> None:
    await store.libraries.edit(
        "lib", [Add("One", "Old one."), Add("Two", "Two.")], author="", note=""
    )
    async with connected(database) as client:
        closed = await learned(
            client,
            operation("Revise", "G1", experience="When new, be new.", name="One"),
            operation("Add", experience=ASK, name="Ask"),
        )
        await store.libraries.edit("lib", [Retire("G1"), Add("", CHECK)], author="", note="")
        decided = await call(
            client,
            "review_updates",
            library="lib",
            update_id=closed.data["update_id"],
            decision="publish",
        )
        after = await shown(client)

    assert decided.data["status"] == "published"
    assert "G1 changed after this was proposed" in decided.text
    assert after == sorted([f"Ask: {ASK}", CHECK, "Two: Two."])


@pytest.mark.parametrize("agree", [True, False])
async def test_the_user_is_asked_if_the_host_supports_it(
    database: Path, mode: Mode, *, agree: bool
) -> None:
    user = User(agree=agree)
    async with connected(database, mode, user) as client:
        closed = await learned(client)
        answer = await call(
            client,
            "review_updates",
            library="lib",
            update_id=closed.data["update_id"],
            decision="publish",
            only=[1],
        )
        after = await shown(client)

    assert ("declined" in answer.text) is not agree
    assert user.asked == [f"Publish these changes to library 'lib'?\n+ Check: {CHECK}"]
    assert after == ([f"Check: {CHECK}"] if agree else [])


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"update_id": "update-0", "decision": "publish"}, "does not exist"),
    ({"decision": "publish"}, "give both"),
    ({"update_id": "here", "decision": "reject", "only": [1]}, "requires decision"),
    ({"update_id": "here", "decision": "publish", "only": [3]}, "use 1 to 2"),
    ({"update_id": "here", "decision": "maybe"}, "decision"),
    ({"library": "other", "update_id": "here", "decision": "reject"}, "has no update"),
]


async def test_an_invalid_decision_is_an_error_and_changes_nothing(
    database: Path,
) -> None:
    async with connected(database) as client:
        closed = await learned(client)
        await call(client, "add_experience", library="other", text=ASK)
        for arguments, reason in REFUSED:
            given = {"library": "lib", **arguments}
            if given.get("update_id") == "here":
                given["update_id"] = closed.data["update_id"]
            answer = await call(client, "review_updates", **given)
            assert answer.failed, arguments
            assert reason in answer.text
        waiting = await call(client, "review_updates", library="lib")

    assert len(waiting.data["waiting"][0]["changes"]) == 2


def test_the_command_line_reviews_what_a_model_learned(database: Path) -> None:
    program = Program(database)
    program.run("describe", "lib", "--review")
    won, lost = '{"output": "w", "reward": 1}', '{"output": "l", "reward": 0}'
    group = f'{{"task": "Book a flight", "trajectories": [{won}, {lost}]}}\n'
    program.run("submit", "-l", "lib", stdin=group)
    learning = asyncio.run(_learned_by_a_model(program))
    waiting = program.json("review", "lib")
    update = str(waiting.at("waiting", 0, "update_id"))
    listed = program.run("review", "lib").stdout
    table = program.run("libraries").stdout
    program.run("review", "lib", "--publish", update, "--only", "2", fails=1)
    published = program.run("review", "lib", "--publish", update, "--only", "1").stdout

    assert "await a person's review" in " ".join(learning.split())
    assert waiting.at("waiting", 0, "changes", 0, "sign") == "+"
    assert f"--publish {update}" in listed
    assert "to review" in table
    assert "to review" not in program.run("libraries").stdout
    assert published.startswith("lib: version 1\n  + G1 ")
    assert "Nothing is awaiting review" in program.run("review", "lib").stdout


async def _learned_by_a_model(program: Program) -> str:
    async with ScriptedEndpoint() as endpoint:
        options = ("--model", "m", "--base-url", endpoint.base_url)
        return (await asyncio.to_thread(program.run, "learn", "--library", "lib", *options)).stdout


def test_an_export_includes_what_awaits_review(database: Path, tmp_path: Path) -> None:
    asyncio.run(_learned_by_a_host(database))
    archive = tmp_path / "lib.json"
    Program(database).run("export", "lib", str(archive))
    elsewhere = Program(tmp_path / "elsewhere.db")
    elsewhere.run("import", str(archive))
    update = str(elsewhere.json("review", "lib").at("waiting", 0, "update_id"))
    elsewhere.run("review", "lib", "--publish", update)

    assert elsewhere.json("show", "lib").all("experiences", of="text") == [CHECK, ASK]


async def _learned_by_a_host(database: Path) -> None:
    async with connected(database) as client:
        await learned(client)


async def test_a_long_review_is_shown_in_part_and_the_rest_counted(database: Path) -> None:
    async with connected(database) as client:
        policy = {"review": True, "max_lessons": 64, "max_words": 200}
        await call(client, "describe_library", library="lib", policy=policy)
        proposed = [
            operation("Add", experience=" ".join(f"w{n}x{k}" for k in range(150)), name=f"N{n}")
            for n in range(64)  # of words of their own, else they would be consolidated first
        ]
        await learned(client, *proposed)
        waiting = await call(client, "review_updates", library="lib")

    (update,) = waiting.data["waiting"]
    assert len(update["changes"]) + update["omitted"] == 64
    assert update["omitted"] > 0
    assert estimate_tokens(waiting.text) < 20_000
    assert f"and {update['omitted']} more changes" in waiting.text
