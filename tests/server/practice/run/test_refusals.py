"""An endpoint that refuses: for want of money, this prompt, or every prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from experience_store.testing import Asked, Said
from server.learning.models.error_responses import is_quota_spent
from tests.parameters import first_of
from tests.server.practice.scripted_world import but, counted, ground, is_attempt, world

pytestmark = pytest.mark.usefixtures("no_pages")

BILLING: dict[str, JsonValue] = {
    "message": "Billing hard limit has been reached",
    "code": "billing_hard_limit_reached",
    "type": "invalid_request_error",
}
CREDIT: dict[str, JsonValue] = {
    "message": "Your credit balance is too low. Please go to Plans & Billing",
    "type": "invalid_request_error",
    "code": None,
}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.practice.run.attempts.PAUSE_SECONDS", 0.0)


# Money


@pytest.mark.parametrize(
    ("status", "body", "spent"),
    [
        (400, BILLING, True),
        (400, CREDIT, True),
        (400, "Your credit balance is too low", True),
        (403, {"type": "insufficient_quota"}, True),
        (402, None, True),
        (429, {"code": "insufficient_quota"}, True),
        (
            429,
            {"message": "You exceeded your current quota, check plan and billing details"},
            False,
        ),
        (400, {"message": "the tool billing_look_up has no description"}, False),
        (400, {"message": "too long", "code": "context_length_exceeded"}, False),
        (500, BILLING, False),
        (None, None, False),
    ],
)
def test_a_spent_quota_is_recognised_by_status_code_or_message(
    status: int | None, body: object, *, spent: bool
) -> None:
    assert is_quota_spent(status, body) is spent


def is_judge(asked: Asked) -> bool:
    return asked.prompt.startswith("You judge")


def is_teacher(asked: Asked) -> bool:
    return not is_attempt(asked) and not is_judge(asked)


@pytest.mark.parametrize("error", first_of(BILLING, CREDIT), ids=["code", "words"])
@pytest.mark.parametrize("whose", first_of(is_attempt, is_judge, is_teacher))
async def test_a_quota_spent_with_status_400_stops_the_run_and_loses_nothing(
    tmp_path: Path, whose: Callable[[Asked], bool], error: JsonValue
) -> None:
    broke, answered = True, 0

    def sometimes(asked: Asked) -> Said | None:
        nonlocal answered
        if not broke or not whose(asked):
            return None
        answered += 1
        return Said(status=400, body={"error": error}) if answered > 2 else None

    async with ground(tmp_path, but(world, sometimes)) as here:
        verifier = "match" if whose is is_teacher else "judge"
        options = ("--verifier", verifier, "--concurrency", "2", "--limit", "3")
        ended = await here.do("practice", *options, code=3)
        assert "Top it up, then run the same command to continue" in ended.errors
        broke = False
        await here.do("practice", *options)
        found = here.report()

    assert found["failures"]["times"] == 0
    assert counted(found["totals"]["whole"])["prompt_tokens"] == here.endpoint.prompt_tokens


# Prompts


UNSUPPORTED = "this prompt is blocked by policy"


@pytest.mark.parametrize("whose", first_of(is_attempt, is_judge))
async def test_an_endpoint_that_refuses_every_prompt_stops_the_run_and_leaves_no_trace(
    tmp_path: Path, whose: Callable[[Asked], bool]
) -> None:
    refusing = True

    def refuse(asked: Asked) -> Said | None:
        return Said(UNSUPPORTED, status=400) if refusing and whose(asked) else None

    async with ground(tmp_path, but(world, refuse)) as here:
        options = (*here.evaluated, "--limit", "2", "--verifier", "judge")
        options += ("--concurrency", "1", "--tries", "1")
        ended = await here.do("practice", *options, code=3)
        assert "the last 10 attempts were all refused by an endpoint" in ended.errors
        assert UNSUPPORTED in ended.errors
        assert len(here.attempts) == 10
        refusing = False
        await here.do("practice", *options)
        assert here.report()["failures"]["times"] == 0


async def test_a_phase_of_refusals_stops_the_run_unless_they_are_accepted(
    tmp_path: Path,
) -> None:
    def too_long(asked: Asked) -> Said | None:
        return Said("too long", status=413) if is_attempt(asked) else None

    async with ground(tmp_path, but(world, too_long)) as here:
        ended = await here.do("practice", "--limit", "2", code=3)
        assert "the last 6 attempts were all refused" in ended.errors
        assert "with --accept-failures 6 they stay unscored" in ended.errors
        ended = await here.do("practice", "--limit", "2", "--accept-failures", "6", code=4)
        assert ended.output.startswith("Nothing was learned: no attempt was scored, mostly because")
        assert here.report()["steps"][0]["counts"]["rollout_failures"] == 6
        calls = len(here.endpoint.calls)
        await here.do("practice", "--limit", "2", code=4)
        assert len(here.endpoint.calls) == calls


@pytest.mark.exhaustive
async def test_many_refused_attempts_at_one_task_do_not_stop_the_run(tmp_path: Path) -> None:
    def too_long(asked: Asked) -> Said | None:
        return Said("too long", status=400) if "number 100 " in asked.prompt else None

    async with ground(tmp_path, but(world, too_long)) as here:
        options = ("--arm", "without", "--limit", "3", "--k", "12", "--concurrency", "1")
        await here.do("evaluate", *options)
        assert here.report()["arms"][0]["counts"]["rollout_failures"] == 12


async def test_refused_attempts_among_good_ones_are_kept_when_the_run_stops_later(
    tmp_path: Path,
) -> None:
    down = True

    def some(asked: Asked) -> Said | None:
        if "number 102 " in asked.prompt:
            return Said("too long", status=400)
        return Said(status=500) if down and "number 104 " in asked.prompt else None

    async with ground(tmp_path, but(world, some)) as here:
        options = ("--arm", "without", "--concurrency", "1", "--tries", "1")
        await here.do("evaluate", *options, code=3)
        assert len(here.attempts) == 14
        down = False
        await here.do("evaluate", *options)
        assert len(here.attempts) == 14 + 2
        assert here.report()["failures"]["times"] == 2
