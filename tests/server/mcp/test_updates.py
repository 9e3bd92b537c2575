"""Updates through the tools: what is asked, answered and published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experience_store.testing import lesson
from tests.processes.calling import Answer, answers_to, call, learn, submit
from tests.server.mcp.connections import (
    Mode,
    connected,
    leaves,
)


async def test_a_submitted_group_is_learned_and_served(database: Path, mode: Mode) -> None:
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


async def test_an_update_resumes_after_a_restart_with_open_requests_only(
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


async def test_an_invalid_answer_is_refused_and_the_others_are_kept(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        await submit(client, "Upgrade every passenger")
        asked = await call(client, "update_experiences", library="lib")
        good, bad = answers_to(asked.data["requests"])
        bad["answer"] = {"reasons": "no operations"}
        update_id = asked.data["update_id"]
        answer = await call(client, "submit_answers", update_id=update_id, answers=[bad, good])
        other: dict[str, object] = {**good, "answer": '{"reasons": "Luck.", "operations": []}'}
        again = [good, other]
        late = await call(client, "submit_answers", update_id=update_id, answers=again)

    assert not answer.failed
    assert answer.data["status"] == "awaiting_answers"
    assert [r["request_id"] for r in answer.data["requests"]] == [bad["request_id"]]
    (refused,) = answer.data["refused"]
    assert refused["request_id"] == bad["request_id"]
    assert "operations" in refused["reason"]
    assert refused["reason"] in answer.text
    (unused,) = late.data["refused"]  # sending an answer again is fine, changing it is too late
    assert unused == {
        "request_id": good["request_id"],
        "reason": "it is closed already: this answer was not used",
    }


async def test_an_unknown_request_is_named_and_the_other_answers_are_kept(
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

    closed = "This update is already closed: these answers change nothing. "
    assert again.data == {**first.data, "next_step": closed + first.data["next_step"]}
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
