"""An agent with tools: a small MCP server over stdio, started anew for each attempt."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import JsonValue

from experience_store.testing import Asked, Said, ToolUse
from server.cli.main import main
from server.practice.cli.run_command import NOTHING
from server.practice.run_errors import BudgetSpentError, QuotaSpentError
from server.practice.spending import RolloutLimits
from tests.server.practice.scripted_agent import PROMPT, agent, in_turn, tools, use
from tests.server.practice.scripted_world import counted, ground, is_attempt, world


async def test_the_transcript_holds_calls_and_results_as_chat_messages(tmp_path: Path) -> None:
    script = in_turn(
        Said("I look.", tool_uses=(ToolUse("numbers_look_up", {"number": 5}),)), Said("TRUTH-IS-5")
    )
    async with agent(tmp_path, script) as made:
        done = await made.play()

    assert (done.answer, done.failure, done.tool_calls) == ("TRUTH-IS-5", None, 1)
    system, user, calling, result, last = done.messages
    assert system == {"role": "system", "content": "Be brief."}
    assert user == {"role": "user", "content": PROMPT}
    (call,) = cast("list[dict[str, Any]]", calling["tool_calls"])
    assert (calling["role"], calling["content"]) == ("assistant", "I look.")
    assert call["type"] == "function"
    assert call["function"]["name"] == "numbers_look_up"
    assert json.loads(call["function"]["arguments"]) == {"number": 5}
    assert result == {
        "role": "tool",
        "tool_call_id": call["id"],
        "name": "numbers_look_up",
        "content": "TRUTH-IS-5 (call 1 of this server)",
    }
    assert last == {"role": "assistant", "content": "TRUTH-IS-5"}
    named = {"numbers_look_up", "numbers_fail", "numbers_hang", "numbers_die"}
    assert set(made.endpoint.calls[0].tools) == named


async def test_every_call_of_the_model_is_counted(tmp_path: Path) -> None:
    script = in_turn(
        use("numbers_look_up", number=1), use("numbers_look_up", number=2), Said("done")
    )
    async with agent(tmp_path, script) as made:
        done = await made.play()

    spent = done.spent
    assert (spent.calls, done.tool_calls) == (3, 2)
    assert spent.prompt_tokens == made.endpoint.prompt_tokens
    assert spent.completion_tokens == made.endpoint.completion_tokens
    assert spent.cost == pytest.approx(spent.tokens / 1e6)
    assert made.budget.spent == spent


async def test_each_attempt_has_its_own_tool_server(tmp_path: Path) -> None:
    script = in_turn(use("numbers_look_up", number=5), Said("done"))
    async with agent(tmp_path, script) as made:
        first, second = await made.play(), await made.play()
    assert first.messages[3]["content"] == second.messages[3]["content"]
    assert "call 1 of" in str(first.messages[3]["content"])


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (use("numbers_fail", reason="the shop is shut"), "the shop is shut"),
        (use("nonsense"), "nonsense"),
        (use("numbers_look_up", number="many"), "number"),
        (Said(tool_uses=(ToolUse("numbers_look_up", '{"number": 5'),)), ""),
    ],
)
async def test_tool_errors_are_shown_to_the_model(tmp_path: Path, mistake: Said, told: str) -> None:
    script = in_turn(mistake, mistake, mistake, Said("So be it."))
    async with agent(tmp_path, script) as made:
        done = await made.play()

    assert (done.answer, done.failure) == ("So be it.", None)
    results = [m for m in done.messages if m["role"] == "tool"]
    assert len(results) == 3
    assert all(told in str(result["content"]) for result in results)
    assert told in made.endpoint.calls[-1].last.text


@pytest.mark.parametrize(
    ("limits", "why", "calls"),
    [
        (RolloutLimits(turns=3), "no end after 3 turns (--max-turns)", 3),
        (RolloutLimits(tokens=60), "no end after 60 tokens (--rollout-tokens)", None),
        (RolloutLimits(cost=6e-5), "no end at a cost of 6e-05 (--rollout-cost)", None),
    ],
)
async def test_an_agent_that_exceeds_a_limit_is_stopped(
    tmp_path: Path, limits: RolloutLimits, why: str, calls: int | None
) -> None:
    async with agent(tmp_path, lambda _: use("numbers_look_up", number=1)) as made:
        done = await made.play(limits, tries=3)

    assert (done.failure, done.exhausted, done.tries) == (why, True, 1)
    assert done.spent.calls == (calls or len(made.endpoint.calls))
    assert done.spent.prompt_tokens == made.endpoint.prompt_tokens
    assert done.messages[-1]["role"] == "tool"


@pytest.mark.parametrize(
    "then",
    [pytest.param(Said("late", delay=60), marks=pytest.mark.exhaustive), use("numbers_hang")],
    ids=["the endpoint", "a tool"],
)
async def test_silence_while_an_agent_works_is_an_outage(tmp_path: Path, then: Said) -> None:
    async with agent(tmp_path, in_turn(use("numbers_look_up", number=1), then)) as made:
        done = await made.play(RolloutLimits(seconds=2.5), tries=3, call_seconds=0.4)

    assert (done.failure, done.exhausted) == ("no end after 2.5 s (--rollout-seconds)", False)
    assert (done.outage, done.tries) == (True, 1)


async def test_an_attempt_ends_when_its_tool_server_dies(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with agent(tmp_path, in_turn(use("numbers_die"), Said("never"))) as made:
        done = await made.play()

    assert done.failure is not None
    assert done.failure.endswith("; its last words: out of numbers")
    assert "out of numbers" not in capfd.readouterr().err  # what it writes may be secret
    assert not done.exhausted
    assert done.spent.calls == 1
    assert done.tool_calls == 1


async def test_an_attempt_ends_when_its_tool_server_does_not_start(tmp_path: Path) -> None:
    async with agent(tmp_path, in_turn(Said("never")), "--broken") as made:
        done = await made.play()

    assert done.failure is not None
    assert made.endpoint.calls == []


async def test_silence_is_an_answer_only_after_work_with_tools(tmp_path: Path) -> None:
    async with agent(tmp_path, lambda _: Said("")) as made:
        done = await made.play()
    assert (done.answer, done.failure, done.outage) == ("", "fake: the answer is empty", False)
    assert done.messages[-1] == {"role": "assistant", "content": ""}
    assert done.spent.calls == len(made.endpoint.calls)

    script = in_turn(use("numbers_look_up", number=1), Said(""))
    async with agent(tmp_path, script) as made:
        done = await made.play()
    assert (done.answer, done.failure, done.spent.calls) == ("", None, 2)


async def test_the_thoughts_of_an_agent_are_kept_apart_from_its_answer(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": "<think>Look it up?</think>It is 5."}
    said = Said(body={"choices": [{"message": message, "finish_reason": "stop"}]})
    async with agent(tmp_path, in_turn(said)) as made:
        done = await made.play()
    assert (done.answer, done.failure) == ("It is 5.", None)
    assert done.messages[-1]["reasoning_content"] == "Look it up?"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said("It is", finish_reason="length"), "the answer was cut at 2 tokens"),
        (
            Said(body={"choices": [{"message": {"content": None, "refusal": "No."}}]}),
            "the model refused to answer: No.",
        ),
    ],
)
async def test_what_an_agent_says_in_place_of_an_answer_is_named(
    tmp_path: Path, said: Said, why: str
) -> None:
    async with agent(tmp_path, in_turn(said)) as made:
        done = await made.play()
    assert (done.failure, done.outage) == (f"fake: {why}", False)


async def test_an_attempt_is_retried_after_an_endpoint_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.practice.run.attempts.PAUSE_SECONDS", 0.0)

    def script(asked: Asked) -> Said:
        if asked.number == 2:
            return Said(status=500)
        return in_turn(use("numbers_look_up", number=1), Said("done"))(asked)

    async with agent(tmp_path, script) as made:
        done = await made.play(tries=2)

    assert (done.answer, done.tries, done.spent.calls) == ("done", 2, 3)
    assert done.spent.prompt_tokens == made.endpoint.prompt_tokens


async def test_a_budget_stops_an_agent_between_calls_and_counts_the_lost_ones(
    tmp_path: Path,
) -> None:
    async with agent(tmp_path, lambda _: use("numbers_look_up", number=1)) as made:
        made.budget.max_tokens = 1
        with pytest.raises(BudgetSpentError):
            await made.play()
        assert made.lost == [made.budget.spent]
        assert len(made.endpoint.calls) == 1


@pytest.mark.usefixtures("no_pages")
async def test_spending_of_practice_with_tools_adds_up(tmp_path: Path) -> None:
    def script(asked: Asked) -> Said:
        if not is_attempt(asked):
            return world(asked)
        number = re.search(r"number (\d+)", asked.prompt)
        assert number is not None
        if asked.last.role == "tool":
            return world(asked)
        return use("numbers_look_up", number=int(number[1]))

    async with ground(tmp_path, script) as here:
        here.data("practice.jsonl", [{"task": PROMPT, "ground_truth": "TRUTH-IS-5"}])
        arguments = here.arguments("practice", "--tools", str(tools(tmp_path)))
        # not by click's runner: tool servers write to our stderr, which must be a file then
        code = await asyncio.to_thread(main.main, arguments, standalone_mode=False)
        assert code == NOTHING
        found = here.report()
        questions = [a.prompt for a in here.questions]

    assert found["steps"][0]["use"]["tool_calls"] == 3
    assert counted(found["totals"]["whole"]) == here.spent()
    assert all("look_up" in prompt for prompt in questions if "<proposals>" not in prompt)


@pytest.mark.parametrize("body", [{"choices": [{"message": None}]}, {"id": "x"}, [1]])
async def test_a_malformed_completion_is_an_outage_for_an_agent_too(
    tmp_path: Path, body: JsonValue
) -> None:
    async with agent(tmp_path, lambda _: Said(body=body)) as made:
        done = await made.play()
    assert done.failure
    assert done.outage


@pytest.mark.parametrize("status", [402, 429])
async def test_a_spent_quota_stops_an_agent_like_a_spent_budget(
    tmp_path: Path, status: int
) -> None:
    error = {"message": "no credit", "type": "insufficient_quota"}
    script = in_turn(use("numbers_look_up", number=1), Said(status=status, body={"error": error}))
    async with agent(tmp_path, script) as made:
        with pytest.raises(QuotaSpentError, match="no credit"):
            await made.play()
    assert made.lost == [made.budget.spent]
    assert made.budget.spent.calls == 1


def completion(finish: str, prompt_tokens: int = 3, **more: JsonValue) -> Said:
    """A completion that says nothing."""
    message: JsonValue = {"role": "assistant", "content": None}
    choice: JsonValue = {"index": 0, "finish_reason": finish, "message": message, **more}
    usage: JsonValue = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 1,
        "total_tokens": prompt_tokens + 1,
    }
    about: dict[str, JsonValue] = {"id": "x", "object": "chat.completion", "created": 0}
    return Said(body={**about, "model": "fake", "choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("said", "why", "outage"),
    [
        (completion("error"), "the response is an error", True),
        (completion("stop", error={"message": "it is gone"}), "it is gone", True),
        (completion("content_filter"), "content filter withheld the answer", False),
    ],
)
async def test_an_error_sent_as_a_completion_fails_the_attempt(
    tmp_path: Path, said: Said, why: str, *, outage: bool
) -> None:
    async with agent(tmp_path, lambda _: said) as made:
        done = await made.play()
    assert why in str(done.failure)
    assert done.outage is outage


async def test_impossible_token_counts_of_an_agent_are_replaced_by_estimates(
    tmp_path: Path,
) -> None:
    async with agent(tmp_path, lambda _: completion("stop", 10**30)) as made:
        done = await made.play()
    assert done.spent.estimated == done.spent.calls > 0
    assert done.spent.prompt_tokens < 1000


async def test_an_agent_that_never_completes_a_tool_call_is_not_an_outage(
    tmp_path: Path,
) -> None:
    function = {"name": "numbers_look_up", "arguments": '{"num'}
    call = {"id": "1", "type": "function", "function": function}
    message: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "length", "message": message}
    body: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "fake",
        "choices": [choice],
    }
    async with agent(tmp_path, lambda _: Said(body=body)) as made:
        done = await made.play(RolloutLimits(turns=3))
    assert done.failure is not None
    assert not done.outage
