"""Invalid calls: an error says how to fix the call, and nothing is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.calling import WON_AND_LOST, call
from tests.server.mcp.connections import (
    Mode,
    connected,
    groups_stored,
)

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
        "trajectories.0.reward: must be a finite number; if the attempt is unscored, give null",
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
        "has both messages and output: give one of them",
    ),
    (
        "neither messages nor output",
        "submit_group",
        {"task": "x", "trajectories": [{"reward": 1}]},
        "has neither messages nor output: give messages",
    ),
    ("empty task", "submit_group", {"task": " ", "trajectories": WON_AND_LOST}, "task: "),
    ("no trajectories", "submit_group", {"task": "x"}, "trajectories: is required"),
    (
        "empty trajectories",
        "submit_group",
        {"task": "x", "trajectories": []},
        "trajectories: is empty: give at least one attempt",
    ),
    (
        "trajectories that are no list",
        "submit_group",
        {"task": "x", "trajectories": {"0": {"output": "a"}}},
        "trajectories: must be a list of attempts",
    ),
    (
        "message without a role",
        "submit_group",
        {"task": "x", "trajectories": [{"messages": [{"content": "a"}], "reward": 1}]},
        "trajectories.0.messages.0.role: is missing",
    ),
    (
        "misspelt content",
        "submit_group",
        {"task": "x", "trajectories": [{"messages": [{"role": "user", "contnt": "a"}]}]},
        "trajectories.0.messages.0.contnt: unknown field; did you mean 'content'?",
    ),
    (
        "unknown role",
        "submit_group",
        {"task": "x", "trajectories": [{"messages": [{"role": "critic", "content": "a"}]}]},
        "trajectories.0.messages.0.role: 'critic' is unknown; use one of system, developer, user",
    ),
    (
        "empty output",
        "submit_group",
        {"task": "x", "trajectories": [{"output": " ", "reward": 1}]},
        "trajectories.0.output: is empty",
    ),
    (
        "attempts for trajectories",
        "submit_group",
        {"task": "x", "attempts": WON_AND_LOST},
        "Did you mean 'trajectories'?",
    ),
    (
        "score beside the trajectories",
        "submit_group",
        {"task": "x", "trajectories": WON_AND_LOST, "score": 1},
        "has no argument 'score': it belongs in each trajectory, as 'reward'. Arguments: task,",
    ),
    (
        "truth",
        "submit_group",
        {"task": "x", "trajectories": WON_AND_LOST, "truth": "7"},
        "Did you mean 'ground_truth'?",
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
async def test_an_error_says_how_to_fix_the_call_and_stores_nothing(
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
async def test_an_error_of_a_storing_tool_says_that_nothing_was_stored(
    database: Path, mode: Mode, tool: str, arguments: dict[str, object]
) -> None:
    async with connected(database, mode) as client:
        refused = await call(client, tool, **arguments)
        reading = await call(client, "get_experiences", task="x", libary="lib")

    assert refused.failed
    assert refused.text.endswith(" Nothing was stored.")
    assert reading.text.endswith("Arguments: task, library, max_tokens.")


@pytest.mark.parametrize("reward", ["NaN", "Infinity", "-inf", "1e999"])
async def test_a_reward_must_be_a_real_number(database: Path, mode: Mode, reward: str) -> None:
    async with connected(database, mode) as client:
        answer = await call(
            client, "submit_group", task="x", trajectories=[{"output": "a", "reward": reward}]
        )
        stored = await groups_stored(client)

    assert answer.failed
    assert "trajectories.0.reward" in answer.text
    assert "finite number" in answer.text
    assert stored == 0


async def test_one_invalid_attempt_refuses_the_whole_group(database: Path, mode: Mode) -> None:
    bad = {"output": "c", "reward": 0, "feedbck": "x"}
    async with connected(database, mode) as client:
        answer = await call(client, "submit_group", task="x", trajectories=[*WON_AND_LOST, bad])
        stored = await groups_stored(client)

    assert "trajectories.2.feedbck: unknown field; did you mean 'feedback'?" in answer.text
    assert "Nothing was stored." in answer.text
    assert stored == 0
