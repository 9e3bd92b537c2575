"""Arguments as clients write them: by other names, as JSON text, as numbers, and more of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import BadInputError
from server.mcp.arguments import read_arguments
from server.mcp.schemas import read_answers
from tests.processes.calling import WON_AND_LOST, answers_to, call, submit
from tests.server.mcp.admin.connecting import connected as connected_to_administration
from tests.server.mcp.connections import connected

GROUP = ("task", "trajectories", "library", "group_id", "ground_truth")
ASKED = ("task", "library", "max_tokens")
ANSWERS = ("update_id", "answers")


@pytest.mark.parametrize(
    ("tool", "given", "known"),
    [
        (GROUP, {"groupId": "g"}, {"group_id": "g"}),
        (GROUP, {"groundTruth": 7, "Task": "x"}, {"ground_truth": 7, "task": "x"}),
        (GROUP, {"group_id": None, "groupId": "g"}, {"group_id": "g"}),
        (ASKED, {"maxTokens": 5, " library ": "a"}, {"max_tokens": 5, "library": "a"}),
        (ANSWERS, {"updateId": "u", "answers": []}, {"update_id": "u", "answers": []}),
        (GROUP, {"trajectory": None, "rewrad": ""}, {}),
        (GROUP, {"task": "x", "group_id": " ", "library": None}, {"task": "x"}),
        (ASKED, {"arguments": {"Task": "x"}, "sessionId": 1}, {"task": "x"}),
        (ASKED, {"params": '{"task": "x", "max_tokens": ""}'}, {"task": "x"}),
    ],
)
def test_names_in_another_case_are_taken(
    tool: tuple[str, ...], given: dict[str, object], known: dict[str, object]
) -> None:
    read = read_arguments("a_tool", given, tool, strict=True)

    assert read.known == known
    assert read.ignored == []


@pytest.mark.parametrize("tool", [GROUP, ASKED, ANSWERS, ("library",), ("after",)])
def test_what_clients_are_known_to_add_is_ignored_everywhere(tool: tuple[str, ...]) -> None:
    added = "toolCallId tool_call_id _meta sessionId chatInput tool action requestId user_id"

    read = read_arguments("a_tool", dict.fromkeys(added.split(), "x"), tool, strict=True)

    assert (read.known, read.ignored) == ({}, [])


def test_what_nobody_knows_is_ignored_with_a_note_or_refused() -> None:
    read = read_arguments("a_tool", {"task": "x", "zzz": 1}, ASKED, strict=False)

    assert (read.known, read.ignored) == ({"task": "x"}, ["zzz"])
    with pytest.raises(BadInputError, match="a_tool has no argument 'zzz'"):
        read_arguments("a_tool", {"task": "x", "zzz": 1}, ASKED, strict=True)


@pytest.mark.parametrize(
    ("tool", "written", "hint"),
    [
        *((GROUP, name, "'trajectories'") for name in ("trajectory", "attempts", "trajectorys")),
        *((GROUP, name, "'task'") for name in ("tasks", "taks", "prompt", "query", "Question")),
        *((GROUP, name, "'ground_truth'") for name in ("truth", "grund_truth", "expected")),
        *((GROUP, name, "'group_id'") for name in ("group", "groupid", "grp_id")),
        *((GROUP, name, "'library'") for name in ("libary", "lib", "libraryName")),
        *((GROUP, name, "each trajectory") for name in ("reward", "retrievalId", "messages", "id")),
        *((GROUP, name, "as 'reward'") for name in ("score", "rewards", "success")),
        (GROUP, "conversation", "as 'messages'"),
        (GROUP, "feedbck", "as 'feedback'"),
        *((ASKED, name, "'max_tokens'") for name in ("maxtoken", "budget", "tokens")),
        *((ANSWERS, name, "'answers'") for name in ("answer", "responses")),
        (ANSWERS, "updateid", "'update_id'"),
        (("library",), "libary", "'library'"),
    ],
)
def test_what_may_be_meant_is_never_ignored(tool: tuple[str, ...], written: str, hint: str) -> None:
    with pytest.raises(BadInputError) as refused:
        read_arguments("a_tool", {written: "x"}, tool, strict=False)

    assert hint in str(refused.value)


def test_two_values_for_one_argument_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"'groupId'\. Did you mean 'group_id'"):
        read_arguments("a_tool", {"group_id": "a", "groupId": "b"}, GROUP, strict=False)


async def test_ignored_arguments_are_named_in_both_forms_of_the_answer(database: Path) -> None:
    async with connected(database) as client:
        answer = await call(client, "get_experiences", task="x", toolCallId="c", zzz=1)
        quiet = await call(client, "get_experiences", task="x", toolCallId="c")

    note = "Ignored unknown arguments: 'zzz'."
    assert answer.text.count(note) == answer.data["next_step"].count(note) == 1
    assert "Ignored" not in quiet.text + quiet.data["next_step"]


async def test_values_in_other_forms_are_understood(database: Path) -> None:
    attempts = json.dumps(WON_AND_LOST)
    async with connected(database) as client:
        stored = await call(
            client,
            "submit_group",
            task=[{"role": "user", "content": "Book"}],
            trajectories=attempts,
            library=" lib ",
            groupId=7,
            _meta={"a": 1},
        )
        again = await call(
            client,
            "submit_group",
            task="Book",
            trajectories={"output": "c", "reward": "0.5", "retrievalId": 3},
            library="lib",
            group_id="7",
        )
        asked = await call(client, "get_experiences", task=[["human", "Book"]], library="lib")
        update = (await call(client, "update_experiences", library="lib")).data
        (answer, *_) = answers_to(update["requests"])
        sent = {"requestId": answer["request_id"], "answer": answer["answer"]}
        learned = await call(
            client, "submit_answers", updateId=update["update_id"], answers=json.dumps(sent)
        )

    assert (stored.data["group_id"], stored.data["trajectories"]) == ("7", 2)
    assert again.data["trajectories"] == 3
    assert not asked.failed
    assert not learned.failed
    assert "refused" not in learned.data


@pytest.mark.parametrize(
    "sent",
    [
        {"compare-1": {"a": 1}},
        '{"compare-1": {"a": 1}}',
        {"requestId": "compare-1", "answer": {"a": 1}},
        [None, json.dumps({"request_id": ["compare-1"], "answer": {"a": 1}})],
    ],
)
def test_answers_may_be_one_or_stand_under_the_ids_of_their_requests(sent: object) -> None:
    assert read_answers(sent) == [("compare-1", {"a": 1})]


SAID = {"role": "assistant", "content": "a"}


def _with_messages(messages: object) -> dict[str, object]:
    return {"task": "x", "trajectories": [{"messages": messages, "reward": 1}]}


ODD_CALLS: list[tuple[str, dict[str, object], str]] = [
    ("submit_group", {"task": 5, "trajectories": json.dumps(json.dumps(WON_AND_LOST))}, ""),
    ("submit_group", {"task": "x", "trajectories": [WON_AND_LOST]}, ""),
    ("submit_group", {"task": "x", "trajectories": [*WON_AND_LOST, None]}, ""),
    ("submit_group", {"task": "x", "trajectories": {"trajectories": WON_AND_LOST}}, ""),
    ("submit_group", {"arguments": {"task": "x", "trajectories": WON_AND_LOST}}, ""),
    ("submit_group", {"task": "x", "trajectories": WON_AND_LOST, "group_id": "", "foo": 1}, ""),
    ("submit_group", {"task": "x", "trajectories": WON_AND_LOST, "library": ["lib"]}, ""),
    ("submit_group", _with_messages(json.dumps([json.dumps(SAID), None])), ""),
    ("submit_group", _with_messages([[SAID]]), ""),
    ("submit_group", _with_messages({"choices": [{"message": SAID}], "usage": {"a": 1}}), ""),
    ("submit_group", _with_messages([{**SAID, "tool_calls": "null", "score": 3}]), ""),
    ("submit_group", _with_messages([{**SAID, "tool_calls": [{"id": 1, "name": "f"}, None]}]), ""),
    ("submit_group", _with_messages([{"role": "Bot", "content": 5}]), ""),
    ("submit_group", _with_messages([{"Role": "AI", "Content": True}]), ""),
    ("submit_group", _with_messages([SAID, {"role": "x"}]), "trajectories.0.messages.1.role: 'x'"),
    ("submit_group", _with_messages('[{"role"'), "messages: is text that is not valid JSON"),
    (
        "submit_group",
        _with_messages([{**SAID, "tool_calls": [{"name": {"a": 1}}]}]),
        "trajectories.0.messages.0.tool_calls.0.name: must be a name or an id: give text",
    ),
    (
        "submit_group",
        _with_messages([{"step_number": 1, "observations": "x"}]),
        "trajectories.0.messages.0: is a memory step of smolagents: give",
    ),
    ("submit_group", {"trajectories": WON_AND_LOST}, "task: is required"),
    (
        "submit_group",
        {"task": "x", "trajectories": [None]},
        "trajectories: is empty: give at least",
    ),
    ("submit_group", {"task": "x", "trajectories": [7]}, "trajectories.0: must be an object with"),
    ("get_experiences", {"task": "x", "max_tokens": "", "library": None}, ""),
    ("get_experiences", {"task": "x", "max_tokens": "100"}, ""),
    ("get_experiences", {"task": "x", "max_tokens": "many"}, "max_tokens: must be a whole number"),
    ("get_experiences", {"task": "x", "max_tokens": 10**9}, "max_tokens: must be at most 20000"),
    ("get_experiences", {"task": "x", "library": {"a": 1}}, "library: must be text"),
    ("update_experiences", {"library": ["lib"], "session_id": 3}, ""),
    ("update_experiences", {"library": True}, "library: must be text"),
    ("submit_answers", {"update_id": 5, "answers": [None]}, "answers: send at least one answer"),
    ("submit_answers", {"update_id": 5, "answers": [1] * 200_000}, "200,000 at once are too many"),
    ("submit_answers", {"update_id": "u", "answers": "text"}, "answers.0: must be an object with"),
    ("list_libraries", {"after": 5}, ""),
]


async def test_harmless_oddities_are_mended_and_anything_else_refused_with_its_place(
    database: Path,
) -> None:
    async with connected(database) as client:
        for tool, arguments, refusal in ODD_CALLS:
            answer = await call(client, tool, **arguments)
            assert answer.failed == bool(refusal), (tool, arguments, answer.text)
            assert refusal in answer.text, (tool, arguments, answer.text)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("null", "null"),
        ('{"a":1}', '{"a":1}'),
        ({"a": 1}, '{"a": 1}'),
        (7, "7"),
        ("", None),
        (None, None),
        ([], "(none: no action is right)"),
    ],
)
async def test_a_ground_truth_is_kept_as_it_was_written(
    database: Path, sent: object, kept: str | None
) -> None:
    async with connected(database) as client:
        stored = await submit(client, "x", ground_truth=sent)

    store = await open_store(database)
    group = await store.groups.get("lib", stored.data["group_id"])
    await store.close()
    assert group.ground_truth == kept


async def test_attempts_without_a_reward_are_counted_when_nothing_can_be_compared(
    database: Path,
) -> None:
    async with connected(database) as client:
        two = await call(
            client,
            "submit_group",
            task="x",
            trajectories=[{"output": "a"}, {"output": "b", "reward": None}, *WON_AND_LOST[:1]],
        )
        compared = await call(
            client, "submit_group", task="y", trajectories=[{"output": "a"}, *WON_AND_LOST]
        )

    assert "2 of 3 attempts have no reward and are not compared." in two.data["next_step"]
    assert "no reward" not in compared.data["next_step"]


async def test_administration_takes_ids_as_numbers_and_one_for_a_list(database: Path) -> None:
    async with connected_to_administration(database) as client:
        await call(client, "describe_library", library="lib", agent_objective="Books")
        await call(client, "add_experience", library="lib", text="When asked, answer.", _meta=1)
        revised = await call(
            client, "revise_experience", library=" lib ", id=1, text="When asked, ask back."
        )
        retired = await call(client, "retire_experiences", library="lib", ids=1)
        refused = await call(client, "retire_experiences", library="lib", ids=["1"], dry_run=True)

    assert (revised.data["version"], retired.data["version"]) == (2, 3)
    assert "retire_experiences has no argument 'dry_run'" in refused.text
