"""Attempts as clients send them: which forms are understood, and what is refused how."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from experience_store.errors import BadInputError
from experience_store.store import Store, Submission
from experience_store.submissions.clean_text import MAX_TEXT
from experience_store.submissions.read_submission import (
    MAX_ATTEMPTS,
    MAX_CONTENT,
    MAX_MESSAGES,
    read_submission,
)
from experience_store.trajectory import Message, ToolCall, Trajectory


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


# Forms of messages


def test_openai_content_parts_are_joined_and_other_kinds_are_named() -> None:
    parts = [
        {"type": "text", "text": "Look at"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA"}},
        "this",
    ]

    assert messages({"role": "user", "content": parts}) == (
        Message("user", "Look at\n[image_url]\n[input_audio]\nthis"),
    )


def test_null_content_with_tool_calls_is_a_message_without_text() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"a": 1}'}}

    assert messages(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "booked", "tool_call_id": "c1", "name": "book"},
    ) == (
        Message("assistant", "", (ToolCall("book", '{"a": 1}', "c1"),)),
        Message("tool", "booked", name="book", tool_call_id="c1"),
    )


@pytest.mark.parametrize(
    "call",
    [
        {"function": {"name": "book", "arguments": {"id": 7}}},
        {"name": "book", "arguments": '{"id": 7}'},
        {"name": "book", "arguments": {"id": 7}},
    ],
)
def test_a_tool_call_may_have_its_name_inside_or_beside_the_function(
    call: Mapping[str, object],
) -> None:
    (message,) = messages({"role": "assistant", "tool_calls": [call]})

    assert message.tool_calls == (ToolCall("book", '{"id": 7}'),)


def test_the_older_function_call_is_understood() -> None:
    (message,) = messages(
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "book", "arguments": '{"id": 7}'},
        }
    )

    assert message.tool_calls == (ToolCall("book", '{"id": 7}'),)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("booked", "booked"),
        ([{"type": "text", "text": "booked"}, {"type": "image", "id": "i"}], "booked\n[image]"),
        ({"booked": True}, '{"booked": true}'),
        (None, ""),
    ],
    ids=["text", "blocks", "an object", "nothing"],
)
def test_anthropic_blocks_are_understood(content: object, text: str) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "book", "input": {"id": 7}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": content}

    assert messages(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "text", "text": "I book."},
                use,
            ],
        },
        {"role": "user", "content": [result]},
    ) == (
        Message("assistant", "Hm.\nI book.", (ToolCall("book", '{"id": 7}', "t1"),)),
        Message("user", text),
    )


def test_reasoning_comes_before_and_a_refusal_after_what_was_said() -> None:
    (message,) = messages(
        {
            "role": "assistant",
            "reasoning_content": "The rules forbid it.",
            "content": "Sorry.",
            "refusal": "I cannot.",
        }
    )

    assert message.text == "The rules forbid it.\nSorry.\nI cannot."


def test_unknown_message_fields_are_ignored() -> None:
    sent = {"role": "assistant", "content": "a", "annotations": [1], "audio": None, "index": 3}

    assert messages(sent) == (Message("assistant", "a"),)


def test_plain_output_is_one_message_and_structured_output_its_json() -> None:
    assert trajectory(output="42").messages == (Message("assistant", "42"),)
    assert trajectory(output={"a": [1]}).messages == (Message("assistant", '{"a": [1]}'),)
    assert trajectory(output="").messages == (Message("assistant", ""),)


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
        ("retrievalId", "retrieval_id"),
        ("meta", "metadata"),
    ],
)
def test_a_misspelt_field_gets_a_suggestion(written: str, meant: str) -> None:
    said = refusal({"output": "a", written: "x"})

    assert f"trajectories.0.{written}: unknown field; did you mean {meant!r}?" in said


def test_an_unknown_field_is_refused_with_the_list_of_fields() -> None:
    said = refusal({"output": "a", "zzz": 1})

    assert "trajectories.0.zzz: unknown field; Fields are reward, messages, output" in said


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), "-inf", "good", [1], 10**400])
def test_a_reward_must_be_a_real_number(reward: object) -> None:
    assert "trajectories.0.reward: Input should be a " in refusal({"output": "a", "reward": reward})


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_blank_task_or_id_is_refused(blank: str) -> None:
    assert "task: String should have at least 1 character" in refusal({"output": "a"}, task=blank)
    assert "group_id: String" in refusal({"output": "a"}, group_id=blank)
    assert "trajectories.0.id: String" in refusal({"output": "a", "id": blank})


@pytest.mark.parametrize(
    ("attempt", "where"),
    [
        ({"output": "a", "messages": [{"role": "user"}]}, "trajectories.0: give either messages"),
        ({"messages": []}, "trajectories.0: give either messages"),
        ({"reward": 1}, "trajectories.0: give either messages"),
        ({"messages": [{"content": "a"}]}, "trajectories.0.messages.0.role: Field required"),
        ({"messages": "a"}, "trajectories.0.messages: Input should be a valid list"),
        ({"messages": ["a"]}, "trajectories.0.messages.0: Input should be"),
        ({"messages": [{"role": "user", "content": 5}]}, "trajectories.0.messages.0.content"),
        ({"output": "a", "metadata": [1]}, "trajectories.0.metadata: Input should be"),
        ("a", "trajectories.0: Input should be"),
    ],
)
def test_invalid_input_is_refused_with_its_location(attempt: object, where: str) -> None:
    assert where in refusal(attempt)


def test_a_refusal_never_quotes_the_attempt() -> None:
    assert "hunter2" not in refusal({"output": "a", "reward": "hunter2", "metadata": "hunter2"})


def test_some_of_many_faults_are_named_and_the_rest_counted() -> None:
    with pytest.raises(BadInputError, match=r"trajectories\.4\..* And 4 more"):
        read_submission(task="Book", trajectories=[{"output": "a", "zzz": 1}] * 9)


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
            {"messages": [{"role": "user", "content": "x" * (MAX_CONTENT + 1)}]},
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
    ids=["output", "feedback", "id", "role", "messages", "content", "arguments"],
)
def test_every_length_is_bounded_and_the_refusal_is_short(attempt: object, where: str) -> None:
    said = refusal(attempt)

    assert where in said
    assert len(said) < 500


def test_the_number_of_attempts_is_bounded() -> None:
    attempts = [{"output": "a"}] * MAX_ATTEMPTS

    assert len(read_submission(task="Book", trajectories=attempts).trajectories) == MAX_ATTEMPTS
    with pytest.raises(BadInputError, match=f"at most {MAX_ATTEMPTS} items"):
        read_submission(task="Book", trajectories=[*attempts, {"output": "a"}])


def test_a_task_of_maximum_length_is_accepted_and_a_longer_one_refused() -> None:
    assert len(read({"output": "a"}, task="x" * MAX_TEXT).task) == MAX_TEXT
    assert "task: String should have at most" in refusal({"output": "a"}, task="x" * (MAX_TEXT + 1))


def test_metadata_must_be_json() -> None:
    bad = {"output": "a", "reward": 1, "metadata": {"loss": float("nan")}}

    with pytest.raises(BadInputError, match="not finite"):
        read_submission(task="x", trajectories=[bad])
