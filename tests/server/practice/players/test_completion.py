"""Completions that are malformed, filtered, or report impossible usage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import JsonValue

from experience_store.testing import Asked, Said, ScriptedEndpoint
from server.learning.models.endpoint import Endpoint
from server.practice.players import Sampling
from server.practice.players.completion import CompletionPlayer
from server.practice.records import Rollout, Task
from server.practice.run.attempts import AttemptSettings, roll_out
from server.practice.spending import Budget
from server.practice.verifiers import VerifierError, make_verifier
from server.settings import ModelSettings
from tests.parameters import first_of
from tests.server.practice.scripted_world import (
    but,
    ground,
    is_attempt,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.practice.run.attempts.PAUSE_SECONDS", 0.0)


SILENT: JsonValue = {"role": "assistant", "content": ""}
GONE: JsonValue = {"code": 502, "message": "it is gone"}


MALFORMED: dict[str, tuple[JsonValue, str]] = {
    "no choices": ({"id": "x"}, "choices"),
    "no message": ({"choices": [{"message": None}]}, "its first choice has no message"),
    "no choice": ({"choices": []}, "choices"),
    "a list": ([1], "not a chat completion"),
    "an error in the choice": (
        {"choices": [{"message": SILENT, "finish_reason": "error", "error": GONE}]},
        "it is gone",
    ),
    "an error as the end": (
        {"choices": [{"message": SILENT, "finish_reason": "error"}]},
        "the response is an error",
    ),
    "an error beside choices": ({"choices": [{"message": SILENT}], "error": GONE}, "it is gone"),
    "an error for choices": ({"choices": None, "error": "it is gone"}, "it is gone"),
}
FIRST, *OTHERS = MALFORMED


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_malformed_completion_is_an_outage_with_a_reason(kind: str) -> None:
    body, why = MALFORMED[kind]
    async with ScriptedEndpoint(lambda _: Said(body=body)) as endpoint:
        settings = ModelSettings("fake", "none", endpoint.base_url, retries=0)
        player = CompletionPlayer(settings, Sampling())
        played = await roll_out(
            player,
            "What is it?",
            key="k",
            attempt_settings=AttemptSettings(tries=1),
            budget=Budget(),
            lost=lambda _: None,
        )
        await player.close()
        judge = Endpoint(settings)
        with pytest.raises(VerifierError, match=re.escape(why)):
            await make_verifier("judge", judge=judge).verify(
                Task(id="t", prompt="What is it?"), Rollout(messages=[], answer="This.")
            )
        await judge.close()
    assert played.outage
    assert why in str(played.failure)


@pytest.mark.parametrize("kind", first_of(FIRST, *OTHERS))
@pytest.mark.parametrize("attempts", [True, False], ids=["player", "judge"])
async def test_an_attempt_with_a_malformed_completion_is_repeated_by_the_same_command(
    tmp_path: Path, attempts: bool, kind: str
) -> None:
    body, why = MALFORMED[kind]
    bad = 1

    def once(asked: Asked) -> Said | None:
        nonlocal bad
        if is_attempt(asked) != attempts or not bad:
            return None
        bad -= 1
        return Said(body=body)

    async with ground(tmp_path, but(world, once)) as here:
        options = ("--arm", "without", "--verifier", "judge", "--tries", "1")
        ended = await here.do("evaluate", *options, "--limit", "2", code=3)
        assert "1 of 4 attempts met an outage" in ended.errors
        assert why in " ".join(ended.errors.split())
        await here.do("evaluate", *options, "--limit", "2")
        assert here.report()["failures"]["times"] == 0


async def test_a_filtered_answer_is_a_failure_of_the_model_and_is_paid_for(tmp_path: Path) -> None:
    filtered: JsonValue = {
        "choices": [{"message": {"content": None}, "finish_reason": "content_filter"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 0},
    }

    def some(asked: Asked) -> Said | None:
        return Said(body=filtered) if "number 102 " in asked.prompt else None

    async with ground(tmp_path, but(world, some)) as here:
        await here.do("evaluate", "--arm", "without", "--tries", "2")
        found = here.report()

    assert found["arms"][0]["counts"] == {
        "attempts": 14,
        "scored": 12,
        "rollout_failures": 2,
        "verifier_failures": 0,
        "unusable": {"filtered": 2},
    }
    assert "content filter" in str(found["failures"])
    assert found["totals"]["whole"]["calls"] == 12 + 2 * 2


@pytest.mark.parametrize("usage", first_of((10**30, 5), (5, 10**30), (5, -1)))
async def test_impossible_token_counts_are_replaced_by_estimates(
    tmp_path: Path, usage: tuple[int, int]
) -> None:
    def counted_wrongly(asked: Asked) -> Said:
        said: JsonValue = {"content": world(asked).text}
        tokens: JsonValue = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        return Said(body={"choices": [{"message": said}], "usage": tokens})

    async with ground(tmp_path, counted_wrongly) as here:
        await here.do("practice", "--limit", "3")
        whole = here.report()["totals"]["whole"]

    assert whole["estimated"] == whole["calls"] == len(here.endpoint.calls)
    assert 0 < whole["prompt_tokens"] < 10**6
