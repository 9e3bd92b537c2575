"""Budgets stop a run between calls, and the same command with more continues."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from server.practice.client.library_client import LibraryClient, LibraryInfo
from tests.parameters import first_of
from tests.server.practice.scripted_world import Ground, counted, ground, is_attempt

pytestmark = pytest.mark.usefixtures("no_pages")

PRICES = ("--price-prompt", "10", "--price-completion", "10")


def failures(here: Ground) -> int:
    return here.report()["failures"]["times"]


async def undisturbed(folder: Path, *options: str) -> tuple[dict[str, object], dict[str, int]]:
    async with ground(folder) as here:
        await here.do("practice", *options, "--eval-data", str(folder / "held-out.jsonl"))
        return _figures(here), here.spent()


def _figures(here: Ground) -> dict[str, object]:
    return {**here.figures(), "settings": None}


@pytest.mark.parametrize("epochs", first_of("1", "2"))
@pytest.mark.parametrize("verifier", first_of("judge", "match"))
async def test_a_run_stopped_by_budgets_ends_with_the_same_result(
    tmp_path: Path, verifier: str, epochs: str
) -> None:
    options = ("--batch-size", "3", "--concurrency", "2", "--verifier", verifier)
    options += ("--epochs", epochs)
    wanted, whole = await undisturbed(tmp_path / "1", *options)
    tokens = whole["prompt_tokens"] + whole["completion_tokens"]
    async with ground(tmp_path / "2") as here:
        for part in range(1, 6):
            budget = tokens * part // 6
            ended = await here.do(
                "practice", *here.evaluated, *options, "--max-tokens", str(budget), code=3
            )
            spent = here.spent()
            assert f"--max-tokens {budget:,} is spent" in ended.errors
            assert failures(here) == 0
            assert counted(here.report()["totals"]["whole"]) == spent
            assert "--max-tokens" in here.report()["stopped"]
        await here.do("practice", *here.evaluated, *options)
        assert here.spent() == whole
        assert _figures(here) == wanted


async def test_a_budget_overshoots_by_no_more_than_the_calls_in_flight(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice", "--max-tokens", "1", "--concurrency", "2", code=3)
        assert len(here.endpoint.calls) <= 2
        tokens = here.report()["totals"]["whole"]
        spent = tokens["prompt_tokens"] + tokens["completion_tokens"]
        while not here.questions:
            spent += 100
            await here.do("practice", "--max-tokens", str(spent), "--concurrency", "2", code=3)
    assert len(here.questions) <= 2


@pytest.mark.exhaustive
async def test_a_maximum_cost_stops_a_run_too(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        ended = await here.do("practice", *PRICES, "--max-cost", "0.003", code=3)
        assert "--max-cost 0.003 is spent (0.003" in ended.errors
        assert "the same command with a larger one to continue" in ended.errors
        done = here.report()["totals"]["whole"]["cost"]
        assert 0.003 <= done < 0.01
        await here.do("practice", *PRICES, "--max-cost", "3")
        assert here.report()["totals"]["whole"]["cost"] == pytest.approx(
            10e-6 * (here.endpoint.prompt_tokens + here.endpoint.completion_tokens)
        )


@pytest.mark.exhaustive
async def test_a_budget_spent_while_learning_loses_no_answer(tmp_path: Path) -> None:
    async with ground(tmp_path / "1") as here:
        await here.do("practice", "--concurrency", "1")
        attempts = [a for a in here.endpoint.calls if is_attempt(a)]
        whole, learning = here.spent(), here.report()["steps"][0]["learning"]
        assert learning["calls"] == len(here.questions)
    before = whole["prompt_tokens"] - learning["prompt_tokens"]
    before += whole["completion_tokens"] - learning["completion_tokens"]
    async with ground(tmp_path / "2") as here:
        for more in (1, 1500):
            budget = str(before + more)
            await here.do("practice", "--concurrency", "1", "--max-tokens", budget, code=3)
            assert counted(here.report()["totals"]["whole"]) == here.spent()
        await here.do("practice", "--concurrency", "1")
        assert here.spent() == whole
        assert len(here.attempts) == len(attempts)


@pytest.mark.exhaustive
async def test_an_update_is_not_resumed_before_the_budget_knows_what_was_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = LibraryClient.find

    async def slow_find(self: LibraryClient) -> LibraryInfo | None:
        await asyncio.sleep(0.5)
        return await find(self)

    async with ground(tmp_path) as here:
        options = ("--concurrency", "1", "--max-tokens")
        await here.do("practice", *options, "340", code=3)
        asked = len(here.questions)
        monkeypatch.setattr(LibraryClient, "find", slow_find)
        await here.do("practice", *options, "341", code=3)
        assert len(here.questions) == asked > 0


async def test_spending_reported_by_a_verifier_function_counts_in_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spending_verifier.py").write_text(
        "from server.practice.records import Score, Spent\n"
        "def check(task, rollout):\n"
        "    return Score(reward=1.0, spent=Spent(calls=1, prompt_tokens=1000))\n"
    )
    monkeypatch.chdir(tmp_path)
    async with ground(tmp_path) as here:
        options = ("--verifier", "spending_verifier:check", "--concurrency", "1")
        ended = await here.do("practice", *options, "--max-tokens", "2500", code=3)
        assert "--max-tokens 2,500 is spent (3,0" in ended.errors
        found = here.report()["totals"]
        assert len(here.attempts) == 3
        assert found["whole"]["calls"] == 3 + 3


@pytest.mark.exhaustive
async def test_direct_writing_stops_at_the_budget_too(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        options = ("practice", *here.evaluated, "--direct", "2")
        first = 7 * 2 * 17
        ended = await here.do(*options, "--max-tokens", str(first), code=3)
        assert "is spent" in ended.errors
        await here.do(*options)
        assert counted(here.report()["totals"]["whole"]) == here.spent()
        assert len(here.questions) == 1
