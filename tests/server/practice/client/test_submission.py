"""What the library would not take is found before it is paid for, or cut so that it is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import JsonValue

from experience_store import open_store
from experience_store.submissions import clean_text
from experience_store.submissions import read_submission as reading
from experience_store.submissions.read_submission import read_submission
from server.practice.client import submission
from server.practice.client.submission import fit_feedback, fit_messages, shows_work
from tests.server.practice.scripted_world import ground, tasks

pytestmark = pytest.mark.usefixtures("no_pages")

Messages = list[dict[str, JsonValue]]


# Before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--group-size", "257"), "257 is not in the range 1<=x<=256"),
        (("--experience-tokens", "20001"), "20001 is not in the range 0<=x<=20000"),
    ],
)
async def test_numbers_beyond_the_server_s_limits_are_refused_at_once(
    tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    async with ground(tmp_path) as here:
        ended = await here.do("practice", *options, code=2)
    assert said in ended.error
    assert here.endpoint.calls == []


@pytest.mark.parametrize("field", ["task", "ground_truth"])
async def test_a_task_that_cannot_be_submitted_is_named_before_it_is_attempted(
    tmp_path: Path, field: str
) -> None:
    too_long = tasks(3)
    too_long[1][field] += "x" * clean_text.MAX_TEXT
    async with ground(tmp_path) as here:
        here.data("practice.jsonl", too_long)
        ended = await here.do("practice", *here.evaluated, code=1)
    assert "the library would refuse attempts at these tasks" in ended.error
    assert f"'t/1': {field}: has more than 200000 characters" in ended.error
    assert here.endpoint.calls == []


async def test_a_model_name_that_cannot_be_submitted_is_refused_at_the_start(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as here:
        ended = await here.do("practice", "--model", "m" * 201, code=1)
    assert "model: has more than 200 characters" in ended.error
    assert here.endpoint.calls == []


@pytest.mark.exhaustive
async def test_a_text_that_is_not_submitted_can_have_any_length(tmp_path: Path) -> None:
    long = tasks(1)
    long[0]["ground_truth"] += "x" * clean_text.MAX_TEXT
    async with ground(tmp_path) as here:
        here.data("practice.jsonl", long)
        here.data("held-out.jsonl", [{**long[0], "task": "What is number 9 called?"}])
        await here.do("practice", *here.evaluated, "--no-ground-truth")
        assert here.report()["steps"][0]["groups"] == 1


# After


LONG = """
def short_or_long(task, rollout):
    return float("TRUTH" in rollout.answer), "from here " + "x" * 600_000 + " to there"
"""


async def test_feedback_of_any_length_is_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "long_checks.py").write_text(LONG)
    monkeypatch.chdir(tmp_path)
    async with ground(tmp_path) as here:
        await here.do("practice", "--limit", "2", "--verifier", "long_checks:short_or_long")
        assert here.report()["steps"][0]["size"] > 0
        store = await open_store(here.database)
        (first, *_) = await store.groups.list("lib", after=0, limit=1)
        kept = [t.feedback for t in (await store.groups.get("lib", first.id)).trajectories]
        await store.close()
    assert len(kept) == 3
    for feedback in kept:
        assert feedback is not None
        assert len(feedback) <= clean_text.MAX_TEXT
        assert feedback.startswith("from here ")
        assert feedback.endswith(" to there")
        assert " characters left out]" in feedback


def call(arguments: str) -> dict[str, JsonValue]:
    calls: list[JsonValue] = [
        {"id": "1", "type": "function", "function": {"name": "look", "arguments": arguments}}
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def taken(messages: Messages) -> int:
    """How many messages the intake takes."""
    sent = json.loads(json.dumps([{"reward": 1, "messages": messages}]))
    (trajectory,) = read_submission(task="t", trajectories=sent).trajectories
    return len(trajectory.messages)


def test_messages_and_feedback_that_fit_are_unchanged() -> None:
    messages: Messages = [{"role": "user", "content": "a"}, call("{}"), {"role": "tool"}]
    assert fit_messages(messages) == messages
    assert fit_feedback("as it is") == "as it is"
    assert fit_feedback(None) is None


def test_an_attempt_shows_work_once_the_agent_said_or_called_something() -> None:
    asked: Messages = [{"role": "user", "content": "What is it?"}]
    assert not shows_work([])
    assert not shows_work([*asked, {"role": "assistant", "content": " "}])
    assert shows_work([*asked, call("[1]")])


def test_too_many_messages_lose_the_middle() -> None:
    messages: Messages = [{"role": "assistant", "content": str(n)} for n in range(12_000)]
    fitting = fit_messages(messages)
    assert taken(fitting) == reading.MAX_MESSAGES
    assert (fitting[0], fitting[-1]) == (messages[0], messages[-1])
    assert fitting[2_500] == {"role": "system", "content": "[… 7,001 messages left out]"}


def test_too_much_text_is_cut_where_it_is_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_CONTENT", 1_000)
    monkeypatch.setattr(submission, "MAX_CONTENT", 1_000)
    messages: Messages = [
        {"role": "user", "content": "What is it?"},
        call("[" + "1, " * 5_000 + "1]"),
        {"role": "tool", "content": "begins" + "x" * 9_000 + "ends"},
        {"role": "assistant", "content": "It is this."},
    ]
    fitting = fit_messages(messages)
    assert taken(fitting) == 4
    assert (fitting[0], fitting[3]) == (messages[0], messages[3])
    result = str(fitting[2]["content"])
    assert result.startswith("begins")
    assert result.endswith("ends")
    assert "characters left out]" in result
    assert "characters left out]" in str(fitting[1]["tool_calls"])
    assert len(result) > 400
