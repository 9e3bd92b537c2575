"""Attempts as clients send them: which forms are understood, and what is refused how."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import copy

import pytest

from experience_store.errors import BadInputError
from experience_store.store import Store, Submission
from experience_store.submissions.clean_text import MAX_TEXT
from experience_store.submissions.messages import first_user_text
from experience_store.submissions.read_submission import (
    MAX_ATTEMPTS,
    MAX_CONTENT,
    MAX_MESSAGES,
    read_submission,
)
from experience_store.trajectory import Message, ToolCall, Trajectory

RESULT = {"type": "tool_result", "content": "x"}


def read(trajectory: object, **others: object) -> Submission:
    return read_submission(**{"task": "Book", "trajectories": [trajectory], **others})


def trajectory(**fields: object) -> Trajectory:
    given = fields if "messages" in fields else {"output": "done", **fields}
    return read(given).trajectories[0]


def messages(*sent: Mapping[str, object]) -> tuple[Message, ...]:
    return trajectory(messages=list(sent), reward=1).messages


def refusal(trajectory: object, **others: object) -> str:
    with pytest.raises(BadInputError) as refused:
        read(trajectory, **others)
    return str(refused.value)


# Messages; `forms/` has all of their forms


def test_results_beside_what_was_said_become_messages() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "book", "input": {"id": 7}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "booked"}

    assert messages(
        {"role": "assistant", "content": [{"type": "text", "text": "I book."}, use]},
        {"role": "user", "content": [result, {"type": "text", "text": "Thanks."}]},
    ) == (
        Message("assistant", "I book.", (ToolCall("book", '{"id": 7}', "t1"),)),
        Message("tool", "booked", tool_call_id="t1"),
        Message("user", "Thanks."),
    )


def test_bookkeeping_is_left_out_and_what_is_unknown_kept_or_refused_if_misspelt() -> None:
    sent = {"role": "assistant", "content": "a", "score": 1, "audio": None, "index": 3}

    assert messages(sent) == (Message("assistant", "a\nscore: 1"),)
    said = refusal({"messages": [sent, {"role": "assistant", "contnt": "a"}]})
    assert said.startswith(
        "trajectories.0.messages.1.contnt: unknown field; did you mean 'content'"
    )


@pytest.mark.parametrize(
    "sent",
    [
        '[{"role": "assistant", "content": "a"}]',
        {"role": "assistant", "content": "a"},
        '{"role": "assistant", "content": "a"}',
        ['{"role": "assistant", "content": "a"}'],
        [["ai", "a"]],
        [[{"role": "assistant", "content": "a"}]],
        [None, {"role": "assistant", "content": "a"}],
        {"messages": [{"role": "assistant", "content": "a"}]},
        json.dumps(json.dumps([{"role": "assistant", "content": "a"}])),
    ],
)
def test_messages_may_be_json_text_or_only_one(sent: object) -> None:
    assert trajectory(messages=sent).messages == (Message("assistant", "a"),)


def test_lists_may_be_json_one_a_line() -> None:
    lines = '{"role": "user", "content": "q"}\n\n{"role": "assistant", "content": "a"}\n'

    assert [m.text for m in trajectory(messages=lines).messages] == ["q", "a"]
    attempts = '{"output": "a"}\n{"output": "b"}\n'
    assert len(read_submission(task="Book", trajectories=attempts).trajectories) == 2


def test_one_empty_message_among_others_is_kept() -> None:
    assert messages({"role": "user", "content": ""}, {"role": "assistant", "content": "a"}) == (
        Message("user", ""),
        Message("assistant", "a"),
    )


def test_plain_output_is_one_message_and_structured_output_its_json() -> None:
    assert trajectory(output="42").messages == (Message("assistant", "42"),)
    assert trajectory(output={"a": [1]}).messages == (Message("assistant", '{"a": [1]}'),)
    assert trajectory(output=0).messages == (Message("assistant", "0"),)


ITEMS: list[dict[str, object]] = [
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"role": "assistant", "content": "42"},
]


@pytest.mark.parametrize("as_", [copy, json.dumps])
def test_an_output_that_is_an_answer_of_an_api_is_read_as_its_messages(
    as_: Callable[[object], object],
) -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": "42"}}], "usage": {"a": 1}}
    several = {"choices": [{"message": {"content": "1"}}, {"message": {"content": "2"}}]}
    cut = {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}

    assert trajectory(output=as_(answer)).messages == (Message("assistant", "42"),)
    assert trajectory(output=ITEMS).messages[0].tool_calls == (ToolCall("f", "{}", "c"),)
    assert trajectory(output=ITEMS[1]).messages == (Message("assistant", "42"),)
    assert trajectory(output=json.dumps(ITEMS)).messages[0].text == json.dumps(ITEMS)
    assert trajectory(output=[{"role": "engineer", "content": "x"}]).messages[0].text[:1] == "["
    assert trajectory(output=as_({"choices": ["a", "b"]})).messages[0].text[:1] == "{"
    assert "trajectories.0.output.choices: has 2 answers" in refusal({"output": as_(several)})
    assert "trajectories.0.messages: is empty" in refusal({"output": as_(cut)})


# The other fields


def test_every_field_is_read() -> None:
    read_ = trajectory(
        id=7,
        reward=-2,
        feedback={"passed": False},
        retrieval_id=" r-1 ",
        model="m",
        metadata={"seed": 1, "ü": None},
    )

    assert (read_.id, read_.reward, read_.feedback) == ("7", -2.0, '{"passed": false}')
    assert (read_.retrieval_id, read_.model) == ("r-1", "m")
    assert read_.metadata == '{"seed": 1, "ü": null}'


def test_names_in_camel_case_and_numbers_as_ids_are_understood() -> None:
    sent = {" Output ": "a", "retrievalId": 5, "model": 4.5, "Reward": "1.5", "id": 7}

    read_ = read(sent, group_id=3).trajectories[0]

    assert (read_.retrieval_id, read_.model, read_.id, read_.reward) == ("5", "4.5", "7", 1.5)
    assert read({"output": "a"}, group_id=3).group_id == "3"


@pytest.mark.parametrize(
    ("written", "reward"), [("1.0", 1), (" -2 ", -2), (True, 1), (False, 0), (0, 0), ("1e3", 1_000)]
)
def test_a_reward_may_be_text_or_a_truth_value(written: object, reward: float) -> None:
    assert trajectory(reward=written).reward == reward


@pytest.mark.parametrize(
    "sent",
    [
        {"output": "a", "metadata": '{"seed": 1}'},
        '{"output": "a", "metadata": {"seed": 1}}',
    ],
)
def test_objects_may_be_json_text(sent: object) -> None:
    assert read(sent).trajectories[0].metadata == '{"seed": 1}'


@pytest.mark.parametrize(
    "sent",
    [
        *('[{"output": "a"}]', {"output": "a"}, '{"Output": "a"}', ({"output": "a"},)),
        *([[{"output": "a"}]], [None, {"output": "a"}], {"trajectories": [{"output": "a"}]}),
        *(json.dumps(json.dumps([{"output": "a"}])), '```json\n[{"output": "a"}]\n```'),
    ],
)
def test_attempts_may_be_json_text_or_only_one(sent: object) -> None:
    assert len(read_submission(task="Book", trajectories=sent).trajectories) == 1


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ([{"role": "user", "content": "Book"}], "Book"),
        ({"role": "user", "parts": [{"text": "Book"}]}, "Book"),
        (
            [{"role": "system", "content": "Help."}, {"role": "user", "content": "Book"}],
            "system: Help.\n\nuser: Book",
        ),
        (42, "42"),
        ({"goal": "Book"}, '{"goal": "Book"}'),
        (["Book", "a flight"], '["Book", "a flight"]'),
    ],
)
def test_a_task_may_be_chat_messages_or_data(task: object, text: str) -> None:
    assert read({"output": "a"}, task=task).task == text


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ([{"role": "system", "content": "x"}, {"role": "user", "content": "Book"}], "Book"),
        ([{"role": "user", "content": [{"type": "text", "text": "Book"}]}], "Book"),
        ([{"role": "user", "parts": [{"text": "Book"}]}], "Book"),
        ('[{"role": "user", "content": "Book"}]', "Book"),
        ([{"type": "human", "content": "Book"}], "Book"),
        ([{"contnt": "x"}, {"from": "human", "value": "Book"}], "Book"),
        ([{"role": "assistant", "content": "Hi"}], None),
        (None, None),
        ("Book", None),
    ],
)
def test_the_first_user_message_is_found_in_any_form(sent: object, text: str | None) -> None:
    assert first_user_text(sent) == text


@pytest.mark.parametrize("fields", [{}, {"reward": None}])
def test_an_attempt_without_a_reward_is_unscored_and_not_zero(fields: dict[str, object]) -> None:
    assert trajectory(**fields).reward is None


@pytest.mark.parametrize(
    ("truth", "text"), [(None, None), ("7", "7"), (7, "7"), ([{"n": "ü"}], '[{"n": "ü"}]')]
)
def test_a_ground_truth_may_be_anything(truth: object, text: str | None) -> None:
    assert read({"output": "a"}, ground_truth=truth).ground_truth == text


def test_task_and_ids_are_stripped() -> None:
    made = read({"output": "a", "id": " a "}, task=" Book \n", group_id=" g ")

    assert (made.task, made.group_id, made.trajectories[0].id) == ("Book", "g", "a")


async def test_lone_surrogates_can_be_stored_in_any_field(store: Store) -> None:
    odd = "a\ud800b"
    call = {"id": odd, "function": {"name": odd, "arguments": odd}}
    submission = read(
        {
            "messages": [
                {"role": "assistant", "content": odd, "reasoning_content": odd, "name": odd},
                {"role": "assistant", "content": [{"type": "text", "text": odd}]},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "content": odd, "tool_call_id": odd},
            ],
            "reward": 1,
            "feedback": odd,
            "model": odd,
            "id": odd,
            "metadata": {odd: [odd]},
            "retrieval_id": odd,
        },
        task=odd,
        group_id=odd,
        ground_truth=odd,
    )

    receipt = await store.groups.submit("lib", submission)
    kept = await store.groups.get("lib", receipt.group_id)

    assert (kept.task, kept.id, kept.ground_truth) == ("a?b", "a?b", "a?b")
    assert kept.trajectories[0].messages[0] == Message("assistant", "a?b\na?b", name="a?b")
    assert kept.trajectories[0].messages[2].tool_calls == (ToolCall("a?b", "a?b", "a?b"),)


# What is refused


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rewrad", "reward"),
        ("score", "reward"),
        ("success", "reward"),
        ("message", "messages"),
        ("conversation", "messages"),
        ("answer", "output"),
        ("final_answer", "output"),
        ("feedbck", "feedback"),
        ("retrieval", "retrieval_id"),
        ("contents", "messages"),
        ("meta", "metadata"),
    ],
)
def test_a_misspelt_field_gets_a_suggestion(written: str, meant: str) -> None:
    said = refusal({"output": "a", written: "x"})

    assert f"trajectories.0.{written}: unknown field; did you mean {meant!r}?" in said


def test_an_unknown_field_is_refused_with_the_list_of_fields() -> None:
    said = refusal({"output": "a", "zzz": 1})

    assert "trajectories.0.zzz: unknown field; known fields: reward, messages, output" in said
    assert "; anything else belongs in metadata" in said


@pytest.mark.parametrize("sent", ["[{'output': 'a'}]", '[{"output": "a"', "{}, {}"])
def test_attempts_as_text_that_is_not_json_are_refused_as_such(sent: str) -> None:
    with pytest.raises(BadInputError, match="trajectories: is text that is not valid JSON"):
        read_submission(task="Book", trajectories=sent)


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), "-inf", "good", 10**400])
def test_a_reward_must_be_a_real_number(reward: object) -> None:
    assert "trajectories.0.reward: must be a finite number" in refusal(
        {"output": "a", "reward": reward}
    )


@pytest.mark.parametrize("reward", ["", " ", "null", "None", "n/a"])
def test_text_for_no_reward_is_refused_with_null_as_the_way_out(reward: str) -> None:
    said = refusal({"output": "a", "reward": reward})

    assert "trajectories.0.reward: is text that is not a number" in said
    assert "give null" in said


@pytest.mark.parametrize("reward", [{"accuracy": 1.0}, [1.0]])
def test_a_reward_must_be_one_number(reward: object) -> None:
    assert "trajectories.0.reward: must be one number" in refusal({"output": "a", "reward": reward})


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_blank_task_or_id_is_refused(blank: str) -> None:
    said = refusal({"output": "a"}, task=blank)
    assert said.startswith("task: is empty: give what the attempts were asked to do")
    assert "group_id: is empty" in refusal({"output": "a"}, group_id=blank)
    assert "trajectories.0.id: is empty" in refusal({"output": "a", "id": blank})


@pytest.mark.parametrize(
    ("attempt", "where"),
    [
        (
            {"output": "a", "messages": [{"role": "user", "content": "a"}]},
            "trajectories.0: has both messages and output: give one",
        ),
        ({"messages": []}, "trajectories.0.messages: is empty: give the chat messages"),
        ({"messages": "[]"}, "trajectories.0.messages: is empty: give the chat messages"),
        ({"reward": 1}, "trajectories.0: has neither messages nor output: give"),
        ({"output": " \n"}, "trajectories.0.output: is empty: "),
        (
            {"messages": [{"role": "assistant", "content": " "}]},
            "trajectories.0.messages: is empty",
        ),
        ({"messages": [{"role": "user"}], "output": ""}, "trajectories.0.messages: is empty"),
        ({"messages": [{"content": "a"}]}, "trajectories.0.messages.0.role: is missing"),
        ({"messages": [{"role": "critic"}]}, "trajectories.0.messages.0.role: 'critic' is unknown"),
        ({"messages": '[{"role"'}, "trajectories.0.messages: is text that is not valid JSON"),
        ({"messages": "a"}, "trajectories.0.messages: must be a list of chat messages"),
        ({"messages": ["a"]}, "trajectories.0.messages.0: must be an object with role and content"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [3]}]},
            "trajectories.0.messages.0.tool_calls.0: must be an object",
        ),
        ({"output": "a", "metadata": [1]}, "trajectories.0.metadata: must be a JSON object"),
        ({"output": "a", "metadata": "note"}, "trajectories.0.metadata: must be a JSON object"),
        ({"output": "a", "id": True}, "trajectories.0.id: must be text"),
        ("a", "trajectories.0: must be an object with messages or output"),
    ],
)
def test_invalid_input_is_refused_with_its_location(attempt: object, where: str) -> None:
    assert where in refusal(attempt)


@pytest.mark.parametrize("sent", [{"0": {"output": "a"}}, {}, "text", None, 3])
def test_what_is_no_list_of_attempts_is_refused(sent: object) -> None:
    with pytest.raises(BadInputError, match="trajectories: must be a list of attempts"):
        read_submission(task="Book", trajectories=sent)


ASKED = {"role": "user", "content": "a"}
NO_PARTS: list[object] = []


@pytest.mark.parametrize(
    "attempt",
    [
        {"output": "\u200b\u2060\ufe0f \ufeff"},
        {"messages": [ASKED]},
        {"messages": [{"role": "developer", "content": "b"}, ASKED]},
        {"messages": [ASKED, {"role": "assistant", "content": ""}]},
        {"messages": [ASKED, {"role": "assistant", "content": "\u200d"}]},
        {"messages": [ASKED, {"kind": "response", "parts": NO_PARTS}]},
    ],
)
def test_an_attempt_in_which_the_agent_did_nothing_is_refused(attempt: object) -> None:
    assert "is empty: " in refusal(attempt)


def test_the_result_of_a_tool_or_a_call_is_something_done() -> None:
    result: dict[str, object] = {"role": "tool", "content": "42", "tool_call_id": "c"}
    call: dict[str, object] = {"role": "assistant", "tool_calls": [{"name": "f"}]}
    assert [m.role for m in messages(ASKED, result)] == ["user", "tool"]
    assert [m.role for m in messages(ASKED, call)] == ["user", "assistant"]


@pytest.mark.parametrize("sent", [[], "[]", (), [None]])
def test_a_group_without_attempts_is_refused(sent: object) -> None:
    with pytest.raises(BadInputError, match=r"^trajectories: is empty: give at least one attempt"):
        read_submission(task="Book", trajectories=sent)


@pytest.mark.parametrize(
    ("written", "reward"), [("true", 1), ("False", 0), (" TRUE ", 1), (True, 1), ("0.5", 0.5)]
)
def test_truth_as_text_is_a_reward_as_a_boolean_is(written: object, reward: float) -> None:
    assert trajectory(output="a", reward=written).reward == reward


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_an_unknown_field_is_ignored_if_it_is_empty_and_no_known_one_is_meant(
    empty: object,
) -> None:
    assert trajectory(output="a", foo=empty) == trajectory(output="a")
    assert "unknown field; did you mean 'reward'? Known fields: " in refusal(
        {"output": "a", "rewrad": empty}
    )
    assert "did you mean 'reward'?" in refusal({"output": "a", "score": empty})


def test_a_refusal_never_quotes_the_attempt() -> None:
    assert "hunter2" not in refusal({"output": "a", "reward": "hunter2", "metadata": "hunter2"})


def test_some_of_many_faults_are_named_and_the_rest_counted() -> None:
    with pytest.raises(BadInputError, match=r"trajectories\.4\..* And 4 more"):
        read_submission(task="Book", trajectories=[{"output": "a", "zzz": 1}] * 9)


@pytest.mark.parametrize("place", ["task", "output", "messages"])
def test_what_is_nested_too_deeply_is_refused(place: str) -> None:
    deep: object = {"role": "assistant", "content": "a"}
    for _ in range(5_000):
        deep = {"messages": [deep]}
    attempt = {"output": "a"} if place == "task" else {place: deep}

    said = refusal(attempt, task=deep if place == "task" else "Book")

    assert "is nested too deeply" in said
    assert len(said) < 500


# Bounds


@pytest.mark.parametrize(
    ("attempt", "where"),
    [
        ({"output": "x" * (MAX_TEXT + 1)}, f"has {MAX_TEXT + 1} characters; at most {MAX_TEXT}"),
        ({"output": "a", "feedback": "x" * (MAX_TEXT + 1)}, "trajectories.0.feedback"),
        ({"output": "a", "id": "x" * 201}, "trajectories.0.id"),
        ({"messages": [{"role": "x" * 41}]}, "trajectories.0.messages.0.role"),
        ({"messages": [{"role": "user"}] * (MAX_MESSAGES + 1)}, "trajectories.0.messages"),
        (
            {"messages": [{"role": "tool", "content": [RESULT] * (MAX_MESSAGES + 1)}]},
            f"at most {MAX_MESSAGES:,}",
        ),
        (
            {"messages": [{"role": "assistant", "content": "x" * (MAX_CONTENT + 1)}]},
            f"more than {MAX_CONTENT:,} characters",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"name": "f", "arguments": "x" * (MAX_CONTENT + 1)}],
                    }
                ]
            },
            f"more than {MAX_CONTENT:,} characters",
        ),
    ],
    ids=["output", "feedback", "id", "role", "messages", "results", "content", "arguments"],
)
def test_every_length_is_bounded_and_the_refusal_is_short(attempt: object, where: str) -> None:
    said = refusal(attempt)

    assert where in said
    assert len(said) < 500


def test_the_number_of_attempts_is_bounded() -> None:
    attempts = [{"output": "a"}] * MAX_ATTEMPTS

    assert len(read_submission(task="Book", trajectories=attempts).trajectories) == MAX_ATTEMPTS
    with pytest.raises(BadInputError, match=f"at most {MAX_ATTEMPTS} are allowed"):
        read_submission(task="Book", trajectories=[*attempts, {"output": "a"}])


def test_a_task_of_maximum_length_is_accepted_and_a_longer_one_refused() -> None:
    assert len(read({"output": "a"}, task="x" * MAX_TEXT).task) == MAX_TEXT
    assert "task: has more than 200000 characters" in refusal(
        {"output": "a"}, task="x" * (MAX_TEXT + 1)
    )


def test_metadata_must_be_json() -> None:
    bad = {"output": "a", "reward": 1, "metadata": {"loss": float("nan")}}

    with pytest.raises(BadInputError, match="not finite"):
        read_submission(task="x", trajectories=[bad])
