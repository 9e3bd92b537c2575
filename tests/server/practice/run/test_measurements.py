"""A measurement that failed is never a reward, and spent quota is not asked for again and again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from experience_store.testing import Asked, Said, ScriptedEndpoint, ToolUse
from tests.server.practice.scripted_world import but, ground, is_attempt, world

pytestmark = pytest.mark.usefixtures("no_pages")

LIMITED = ("--arm", "without", "--tries", "1")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.practice.run.attempts.PAUSE_SECONDS", 0.0)


def message(said: JsonValue, finish: str = "stop") -> Said:
    return Said(body={"choices": [{"message": said, "finish_reason": finish}]})


IN_PLACE_OF_AN_ANSWER = {
    "the answer was cut at": Said("Let me see, it is", finish_reason="length"),
    "with nothing but reasoning": message({"content": None, "reasoning": "hm"}, "length"),
    "there is only reasoning": Said("<think>Answer: TRUTH-IS-102</think>"),
    "the answer is empty": Said(" "),
    "the model refused to answer: I may not": message({"content": None, "refusal": "I may not"}),
    "instead of answering in text": Said(tool_uses=(ToolUse("look", {"number": 102}),)),
    "content filter": message({"content": None}, "content_filter"),
}


@pytest.mark.parametrize("named", IN_PLACE_OF_AN_ANSWER)
async def test_what_is_no_answer_is_named_and_unscored(tmp_path: Path, named: str) -> None:
    def some(asked: Asked) -> Said | None:
        return IN_PLACE_OF_AN_ANSWER[named] if "number 102 " in asked.prompt else None

    async with ground(tmp_path, but(world, some)) as here:
        await here.do("evaluate", *LIMITED)
        found = here.report()

    counts = found["arms"][0]["counts"]
    assert (counts["attempts"], counts["scored"], counts["rollout_failures"]) == (14, 12, 2)
    assert named in str(found["failures"])


async def test_thoughts_are_scored_by_nobody_and_shown_to_the_teacher(tmp_path: Path) -> None:
    def aloud(asked: Asked) -> Said:
        said = world(asked)
        if not is_attempt(asked):
            return said
        return replace(said, text=f"<think>Answer: NO-0? hm-hm</think>{said.text}")

    async with ground(tmp_path, world) as here:
        await here.do("practice")
        plain = here.report()["steps"][0]["mean_reward"]
    async with ground(tmp_path / "aloud", aloud) as here:
        await here.do("practice")
        assert here.report()["steps"][0]["mean_reward"] == plain
        assert any("hm-hm" in asked.prompt for asked in here.questions)


async def test_a_dead_endpoint_is_named_before_anything_is_begun(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as gone:
        url = gone.base_url
    async with ground(tmp_path, world) as here:
        options = ("--base-url", url, "--retries", "5", "--arm", "without")
        ended = await here.do("evaluate", *options, code=1)
    assert ended.error.startswith(f"no connection to {url.removesuffix('/v1')}")
    assert not here.run.exists()


async def test_a_spent_quota_costs_no_more_than_the_calls_in_flight(tmp_path: Path) -> None:
    error: JsonValue = {"message": "You exceeded your quota", "code": "insufficient_quota"}
    said = Said(body={"error": error}, status=429)
    async with ground(tmp_path, lambda _: said) as here:
        options = ("--retries", "5", "--concurrency", "4", "--arm", "without")
        ended = await here.do("evaluate", *options, code=3)
    assert "the quota or credit of the model 'fake' is spent: HTTP 429" in ended.errors
    assert len(here.endpoint.calls) <= 4
