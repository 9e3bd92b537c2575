"""What is unavailable is told apart from what went badly: unscored, counted, never a zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from experience_store.testing import Asked, Said
from tests.parameters import first_of
from tests.server.practice.scripted_world import (
    TRUTH,
    but,
    counted,
    ground,
    is_attempt,
    teach,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.practice.run.attempts.PAUSE_SECONDS", 0.0)


async def test_failed_rollouts_are_unscored_and_in_no_figure(
    tmp_path: Path,
) -> None:
    def some(asked: Asked) -> Said | None:
        return Said("too long", status=400) if "number 102 " in asked.prompt else None

    async with ground(tmp_path, but(world, some)) as here:
        await here.do("practice", *here.evaluated, "--limit", "2", "--tries", "2")
        found, arms = here.report(), here.report()["arms"]

    assert len([a for a in here.attempts if "number 102 " in a.prompt]) == 2 * 2
    for arm in arms:
        assert arm["tasks"] == 7
        assert arm["counts"]["rollout_failures"] == 2
        assert arm["counts"]["scored"] == 12
    assert (arms[1]["mean"]["value"], arms[1]["mean"]["tasks"]) == (1.0, 6)
    assert arms[1]["bounds"] == {"low": pytest.approx(6 / 7), "high": 1.0}
    assert found["failures"]["times"] == 4


@pytest.mark.exhaustive
async def test_a_successful_retry_counts_and_the_first_try_is_paid_for(tmp_path: Path) -> None:
    seen: set[str] = set()

    def first(asked: Asked) -> Said | None:
        if is_attempt(asked) and asked.prompt not in seen:
            seen.add(asked.prompt)
            return Said(status=503)
        return None

    async with ground(tmp_path, but(world, first)) as here:
        await here.do("practice")
        found = here.report()

    assert found["failures"]["times"] == 0
    assert found["totals"]["whole"]["calls"] == len(here.endpoint.calls) - 6
    assert found["totals"]["whole"]["prompt_tokens"] == here.endpoint.prompt_tokens


@pytest.mark.parametrize("status", first_of(401, 404))
async def test_an_endpoint_that_refuses_every_call_stops_the_run_at_once(
    tmp_path: Path, status: int
) -> None:
    async with ground(tmp_path, lambda _: Said("it is not known", status=status)) as here:
        ended = await here.do("practice", "--concurrency", "1", code=1)

    assert ended.error.startswith("the endpoint refuses the model 'fake': ")
    assert "it is not known" in ended.error
    assert ended.error.count("\n") == 1
    assert len(here.endpoint.calls) == 1


async def test_a_judge_that_refuses_every_call_stops_the_run_at_once(tmp_path: Path) -> None:
    def no_judge(asked: Asked) -> Said | None:
        return Said(status=401) if asked.prompt.startswith("You judge") else None

    async with ground(tmp_path, but(world, no_judge)) as here:
        options = ("--verifier", "judge", "--concurrency", "1")
        ended = await here.do("practice", *options, code=1)
    assert ended.error.startswith("the judge is unavailable: fake at http")
    assert len(here.endpoint.calls) == 2


@pytest.mark.parametrize("status", first_of(404, 401))
async def test_a_teacher_that_refuses_every_call_stops_the_run_at_once(
    tmp_path: Path, status: int
) -> None:
    def no_teacher(asked: Asked) -> Said | None:
        return None if is_attempt(asked) else Said("it is not known", status=status)

    async with ground(tmp_path, but(world, no_teacher)) as here:
        ended = await here.do("practice", code=1)

    assert ended.error.startswith("the teacher does not answer: ")
    assert "it is not known" in ended.error


async def test_a_phase_in_which_everything_fails_stops_the_run_and_can_be_retried(
    tmp_path: Path,
) -> None:
    down = True

    def outage(asked: Asked) -> Said | None:
        return Said(status=500) if down and is_attempt(asked) else None

    async with ground(tmp_path, but(world, outage)) as here:
        options = ("--tries", "1", "--limit", "3", "--accept-failures", "9")
        ended = await here.do("practice", *options, code=3)
        assert "every attempt failed" in ended.errors
        assert "Run the same command to try again" in ended.errors
        assert here.report()["steps"] == []
        down = False
        await here.do("practice", *options)
        assert here.report()["failures"]["times"] == 0


def quota_is_spent(status: int) -> Said:
    error = {"message": "You have no credit left", "code": "insufficient_quota"}
    return Said(status=status, body={"error": error})


@pytest.mark.parametrize("status", first_of(402, 429, 503))
async def test_an_interruption_within_an_arm_leaves_no_trace_in_the_figures(
    tmp_path: Path, status: int
) -> None:
    left = 4  # attempts that are answered

    def always_right(asked: Asked) -> Said:
        nonlocal left
        if not is_attempt(asked):
            return teach(asked)
        left -= 1
        if left < 0:
            return quota_is_spent(status)
        number = asked.prompt.partition("number ")[2].split()[0]
        held_out = int(number) >= 100
        return Said(f"Answer: {TRUTH}{number}") if held_out else world(asked)

    async with ground(tmp_path, always_right) as here:
        options = (
            *here.evaluated,
            "--limit",
            "2",
            "--k",
            "3",
            "--concurrency",
            "4",
            "--tries",
            "1",
        )
        ended = await here.do("practice", *options, code=3)
        asked = len(here.attempts)
        told = (
            "the last 10 attempts all" if status == 503 else "Top it up, then run the same command"
        )
        assert told in ended.errors
        assert "You have no credit left" in ended.errors
        assert asked <= 4 + (10 + 3 if status == 503 else 4)
        left = 10**6
        await here.do("practice", *options)
        found = here.report()

    assert [arm["counts"]["scored"] for arm in found["arms"]] == [21, 21]
    assert [arm["mean"]["value"] for arm in found["arms"]] == [1.0, 1.0]
    assert found["verdict"]["distinguishable"] is False
    assert found["failures"]["times"] == 0
    assert counted(found["totals"]["whole"])["prompt_tokens"] == here.endpoint.prompt_tokens


async def test_attempts_that_met_an_outage_are_repeated_by_the_same_command(tmp_path: Path) -> None:
    down = True

    def some(asked: Asked) -> Said | None:
        failing = down and is_attempt(asked) and "number 102 " in asked.prompt
        return Said(status=500) if failing else None

    async with ground(tmp_path, but(world, some)) as here:
        options = (*here.evaluated, "--limit", "2", "--tries", "2")
        ended = await here.do("practice", *options, code=3)
        assert "2 of 14 attempts met an outage; mostly because: fake: HTTP 500: scripted" in (
            ended.errors
        )
        assert "--accept-failures 2" in ended.errors
        tried = [a for a in here.attempts if "number 102 " in a.prompt]
        assert len({a.seed for a in tried}) == 4
        before, down = len(here.attempts), False
        await here.do("practice", *options)
        assert len(here.attempts) == before + 2 + 6 + 14
        assert here.report()["failures"]["times"] == 0


@pytest.mark.exhaustive
async def test_outages_stay_unscored_where_the_user_accepts_them(tmp_path: Path) -> None:
    def some(asked: Asked) -> Said | None:
        return Said(status=500) if "number 102 " in asked.prompt else None

    async with ground(tmp_path, but(world, some)) as here:
        options = (*here.evaluated, "--limit", "2", "--tries", "1")
        await here.do("practice", *options, "--accept-failures", "2")
        found, calls = here.report(), len(here.endpoint.calls)
        await here.do("practice", *options)
        assert len(here.endpoint.calls) == calls

    assert [arm["counts"]["rollout_failures"] for arm in found["arms"]] == [2, 2]
    assert found["failures"]["times"] == 4
    assert any(note.startswith("4 attempts met an outage") for note in found["notes"])
    assert counted(found["totals"]["whole"])["calls"] == calls - 4


@pytest.mark.exhaustive
async def test_a_teacher_whose_quota_is_spent_stops_the_run(tmp_path: Path) -> None:
    broke = True

    def teacher(asked: Asked) -> Said | None:
        return quota_is_spent(402) if broke and not is_attempt(asked) else None

    async with ground(tmp_path, but(world, teacher)) as here:
        ended = await here.do("practice", code=3)
        assert "the quota or credit of the teacher 'fake' is spent" in ended.errors
        broke = False
        await here.do("practice")
        assert len(here.attempts) == 18
        assert here.report()["steps"][0]["size"] > 0


@pytest.mark.exhaustive
async def test_a_judge_whose_quota_is_spent_stops_the_run_at_once(tmp_path: Path) -> None:
    broke = True

    def judge(asked: Asked) -> Said | None:
        return quota_is_spent(402) if broke and asked.prompt.startswith("You judge") else None

    async with ground(tmp_path, but(world, judge)) as here:
        ended = await here.do("practice", "--verifier", "judge", "--concurrency", "2", code=3)
        assert "Top it up" in ended.errors
        assert len(here.attempts) <= 3
        broke = False
        await here.do("practice", "--verifier", "judge")
        assert here.report()["failures"]["times"] == 0


async def test_rollouts_that_reach_their_limit_are_failures_and_not_an_outage(
    tmp_path: Path,
) -> None:
    def slow_at_some(asked: Asked) -> Said | None:
        slow = is_attempt(asked) and "number 3 " in asked.prompt
        return Said("late", delay=20) if slow else None

    async with ground(tmp_path, but(world, slow_at_some)) as here:
        await here.do("practice", "--rollout-seconds", "1.5", "--concurrency", "6")
        found = here.report()

    assert found["steps"][0]["counts"]["rollout_failures"] == 3
    assert "--rollout-seconds" in str(found["failures"])


@pytest.mark.parametrize("call_seconds", ["0.2", "20"])
async def test_an_endpoint_that_never_answers_in_time_is_an_outage(
    tmp_path: Path, call_seconds: str
) -> None:
    async with ground(tmp_path, lambda _: Said("late", delay=20)) as here:
        options = ("--rollout-seconds", "0.25", "--timeout", call_seconds, "--retries", "9")
        ended = await here.do("practice", *options, "--limit", "1", code=3)

    assert "every attempt failed" in ended.errors
    assert "no end after 0.25 s (--rollout-seconds)" in ended.errors


# Verifiers


async def test_a_verifier_that_raises_leaves_the_attempt_unscored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_verifier.py").write_text(
        "def check(task, answer):\n"
        "    print('at work')\n"
        "    if task.id == 't/2':\n"
        "        raise ValueError('I do not know')\n"
        "    return float(task.ground_truth in answer)\n"
    )
    monkeypatch.chdir(tmp_path)
    async with ground(tmp_path) as here:
        ended = await here.do("practice", "--verifier", "my_verifier:check", code=3)
        assert "I do not know" in ended.errors
        assert "at work" not in ended.output  # which may be JSON
        options = ("--verifier", "my_verifier:check", "--accept-failures", "3")
        await here.do("practice", *options, code=4)
        assert len(here.attempts) == 18
        found = here.report()

    counts = found["steps"][0]["counts"]
    assert (counts["verifier_failures"], counts["scored"]) == (3, 15)
    assert "I do not know" in str(found["failures"])


@pytest.mark.exhaustive
async def test_a_judge_that_is_unavailable_leaves_attempts_unscored(tmp_path: Path) -> None:
    def no_judge(asked: Asked) -> Said | None:
        judging = asked.prompt.startswith("You judge") and "number 3 " in asked.prompt
        return Said(status=500) if judging else None

    async with ground(tmp_path, but(world, no_judge)) as here:
        await here.do("practice", "--verifier", "judge", "--accept-failures", "3")
        found = here.report()

    counts = found["steps"][0]["counts"]
    assert (counts["verifier_failures"], counts["scored"]) == (3, 15)
    assert counted(found["totals"]["whole"])["calls"] == len(here.endpoint.calls) - 3


@pytest.mark.exhaustive
async def test_a_judge_that_never_answers_stops_the_run_but_keeps_the_rollouts(
    tmp_path: Path,
) -> None:
    down = True

    def no_judge(asked: Asked) -> Said | None:
        return Said(status=500) if down and asked.prompt.startswith("You judge") else None

    async with ground(tmp_path, but(world, no_judge)) as here:
        options = ("--verifier", "judge", "--limit", "3")
        ended = await here.do("practice", *options, code=3)
        assert "every score failed" in ended.errors
        down = False
        await here.do("practice", *options)
        assert len(here.attempts) == 9
        assert here.report()["failures"]["times"] == 0
