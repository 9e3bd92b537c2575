"""What is out of order is told apart from what went badly: unscored, counted, never a zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from experience_store.testing import Asked, Said
from tests.practice.practising import (
    but,
    counted,
    ground,
    is_attempt,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.practice.rollouts.PAUSE_SECONDS", 0.0)


async def test_rollouts_that_break_off_are_unscored_and_stay_in_the_denominator(
    tmp_path: Path,
) -> None:
    def some(asked: Asked) -> Said | None:
        return Said(status=500) if "number 102 " in asked.prompt else None

    async with ground(tmp_path, but(world, some)) as here:
        await here.do("practice", *here.evaluated, "--tries", "2")
        found, arms = here.report(), here.report()["arms"]

    tried = [a for a in here.attempts if "number 102 " in a.prompt]
    assert len(tried) == 2 * 2 * 2
    assert len({a.seed for a in tried}) == 8
    for arm in arms:
        assert arm["tasks"] == 7
        assert arm["counts"]["rollout_failures"] == 2
        assert arm["counts"]["scored"] == 12
    assert arms[1]["mean"]["value"] == pytest.approx(6 / 7)
    assert arms[1]["mean_scored"]["value"] == 1.0
    assert found["failures"]["times"] == 4


async def test_a_try_that_does_better_counts_and_the_first_is_paid_for(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("status", [401, 404])
async def test_an_endpoint_that_refuses_every_call_stops_the_run_at_once(
    tmp_path: Path, status: int
) -> None:
    async with ground(tmp_path, lambda _: Said("it is not known", status=status)) as here:
        ended = await here.do("practice", "--concurrency", "1", code=1)

    assert ended.error.startswith("the endpoint refuses the model 'fake': ")
    assert "it is not known" in ended.error
    assert ended.error.count("\n") == 1
    assert len(here.endpoint.calls) == 1


@pytest.mark.parametrize("status", [401, 404])
async def test_a_teacher_that_refuses_every_call_stops_the_run_at_once(
    tmp_path: Path, status: int
) -> None:
    def no_teacher(asked: Asked) -> Said | None:
        return None if is_attempt(asked) else Said("it is not known", status=status)

    async with ground(tmp_path, but(world, no_teacher)) as here:
        ended = await here.do("practice", code=1)

    assert ended.error.startswith("the teacher does not answer: ")
    assert "it is not known" in ended.error


async def test_a_phase_in_which_everything_fails_stops_the_run_and_is_tried_again(
    tmp_path: Path,
) -> None:
    down = True

    def outage(asked: Asked) -> Said | None:
        return Said(status=500) if down and is_attempt(asked) else None

    async with ground(tmp_path, but(world, outage)) as here:
        ended = await here.do("practice", "--tries", "1", code=3)
        assert "every attempt failed" in ended.errors
        assert "The same command tries again" in ended.errors
        assert here.report()["steps"] == []
        down = False
        await here.do("practice", "--tries", "1")
        assert here.report()["failures"]["times"] == 0


async def test_an_outage_while_learning_is_waited_for(tmp_path: Path) -> None:
    failed: list[Asked] = []

    def for_a_while(asked: Asked) -> Said | None:
        if is_attempt(asked) or len(failed) == 18:
            return None
        failed.append(asked)
        return Said(status=503)

    async with ground(tmp_path, but(world, for_a_while)) as here:
        ended = await here.do("practice")
        assert "held up and will be tried again" in ended.errors
        assert here.report()["steps"][0]["size"] > 0


async def test_rollouts_that_use_all_they_may_are_failures_and_not_an_outage(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path, lambda _: Said("late", delay=20)) as here:
        await here.do("practice", "--rollout-seconds", "0.05")
        found = here.report()

    assert found["steps"][0]["counts"]["rollout_failures"] == 18
    assert "--rollout-seconds" in str(found["failures"])


# Verifiers


async def test_a_verifier_that_raises_leaves_the_attempt_unscored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_verifier.py").write_text(
        "def check(task, answer):\n"
        "    if task.id == 't/2':\n"
        "        raise ValueError('I do not know')\n"
        "    return float(task.ground_truth in answer)\n"
    )
    monkeypatch.chdir(tmp_path)
    async with ground(tmp_path) as here:
        await here.do("practice", "--verifier", "my_verifier:check")
        found = here.report()

    counts = found["steps"][0]["counts"]
    assert (counts["verifier_failures"], counts["scored"]) == (3, 15)
    assert "I do not know" in str(found["failures"])


async def test_a_judge_that_is_out_of_order_leaves_attempts_unscored(tmp_path: Path) -> None:
    def no_judge(asked: Asked) -> Said | None:
        judging = asked.prompt.startswith("You judge") and "number 3 " in asked.prompt
        return Said(status=500) if judging else None

    async with ground(tmp_path, but(world, no_judge)) as here:
        await here.do("practice", "--verifier", "judge")
        found = here.report()

    counts = found["steps"][0]["counts"]
    assert (counts["verifier_failures"], counts["scored"]) == (3, 15)
    assert counted(found["totals"]["whole"])["calls"] == len(here.endpoint.calls) - 3


async def test_a_judge_that_never_answers_stops_the_run_and_the_rollouts_are_kept(
    tmp_path: Path,
) -> None:
    down = True

    def no_judge(asked: Asked) -> Said | None:
        return Said(status=500) if down and asked.prompt.startswith("You judge") else None

    async with ground(tmp_path, but(world, no_judge)) as here:
        ended = await here.do("practice", "--verifier", "judge", code=3)
        assert "every score failed" in ended.errors
        down = False
        await here.do("practice", "--verifier", "judge")
        assert len(here.attempts) == 18
        assert here.report()["failures"]["times"] == 0
