"""Practice from end to end: the gain is found, its price adds up, and the ablations ablate."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from experience_store.testing import Asked, Said
from tests.server.practice.conftest import leave_out_pages
from tests.server.practice.scripted_world import (
    HELP,
    TRUTH,
    Ground,
    copy_of,
    counted,
    ground,
    is_attempt,
    tasks,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")


@dataclass(frozen=True)
class Evaluated:
    """A run of practice with evaluation, and what the same command said after it."""

    here: Ground
    output: str
    report: Any
    spent: dict[str, int]
    output_again: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    prices = ("--price-prompt", "2", "--price-completion", "5")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_pages(patch)
        async with ground(tmp_path_factory.mktemp("evaluated")) as here:
            options = (*here.evaluated, "--epochs", "2", "--batch-size", "3", *prices)
            ended = await here.do("practice", *options)
            report, spent = here.report(), here.spent()
            again = await here.do("practice", *options, "--json")
    return Evaluated(here, ended.output, report, spent, again.output)


def test_a_gain_is_found_and_distinguished_from_zero(evaluated: Evaluated) -> None:
    found = evaluated.report
    assert [step["epoch"] for step in found["steps"]] == [1, 1, 2, 2]
    assert found["steps"][-1]["size"] > 0
    assert found["verdict"]["distinguishable"] is True
    assert found["comparison"]["mean"]["gain"]["value"] > 0.3
    assert "is distinguishable from zero" in evaluated.output
    assert (evaluated.here.run / "report.html").exists()


def test_spending_adds_up_to_what_the_endpoint_counted(evaluated: Evaluated) -> None:
    found, spent = evaluated.report["totals"], evaluated.spent
    cost = (2 * spent["prompt_tokens"] + 5 * spent["completion_tokens"]) / 1e6
    assert counted(found["whole"]) == spent
    assert found["whole"]["cost"] == pytest.approx(cost)
    assert found["lost"]["calls"] == 0
    assert found["unpriced"] == []


def test_each_attempt_at_a_task_has_the_experiences_of_its_step(evaluated: Evaluated) -> None:
    found, attempts = evaluated.report, evaluated.here.attempts
    versions = [(s["version_before"], s["version"]) for s in found["steps"]]
    assert versions == [(0, 1), (1, 1), (1, 1), (1, 1)]
    assert {arm["arm"]: arm["version"] for arm in found["arms"]} == {"without": None, "with": 1}
    helped = Counter(HELP in a.prompt for a in attempts)
    assert helped == {False: 3 * 3 + 7 * 2, True: 3 * 3 * 3 + 7 * 2}
    assert len({(a.prompt, a.seed) for a in attempts}) == len(attempts)
    assert {a.temperature for a in attempts} == {0.7, 0.3}


def test_repeating_the_command_spends_nothing_and_reports_the_same(evaluated: Evaluated) -> None:
    assert evaluated.here.spent() == evaluated.spent
    assert json.loads(evaluated.output_again) == evaluated.here.report() == evaluated.report


async def test_a_teacher_can_be_another_model_with_its_own_prices(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do(
            "practice",
            *("--teacher", "wise", "--price-prompt", "1", "--teacher-price-prompt", "10"),
        )
        found = here.report()["totals"]

    assert {a.model for a in here.attempts} == {"fake"}
    assert {a.model for a in here.questions} == {"wise"}
    learning = found["learning"]
    assert learning["cost"] == pytest.approx(learning["prompt_tokens"] * 10 / 1e6)
    rollouts = found["practice_rollouts"]
    assert rollouts["cost"] == pytest.approx(rollouts["prompt_tokens"] / 1e6)


@pytest.mark.exhaustive
async def test_the_order_in_which_attempts_finish_changes_nothing(tmp_path: Path) -> None:
    def shuffled(asked: Asked) -> Said:
        said = world(asked)
        hashed = hash((asked.prompt, asked.seed, turn)) % 7
        return Said(said.text, delay=hashed / 500)

    found: list[dict[str, object]] = []
    for turn in ("first", "second", "third"):
        async with ground(tmp_path / turn, shuffled) as here:
            small = ("--limit", "4", "--batch-size", "2", "--k", "1")
            await here.do("practice", *here.evaluated, *small, "--epochs", "2")
            found.append(here.figures())

    assert found[0] == found[1] == found[2]


# Ablations


async def test_without_ground_truth_the_learner_sees_neither_rewards_nor_answers(
    tmp_path: Path,
) -> None:
    def blind(asked: Asked) -> Said:
        return Said("I think so.") if is_attempt(asked) else world(asked)

    async with ground(tmp_path, blind) as here:
        await here.do("practice", "--no-ground-truth")
        found = here.report()

    assert here.questions
    for asked in here.questions:
        said = "\n".join(turn.text for turn in asked.conversation)
        assert TRUTH not in said
        assert "<ground_truth>" not in said
        assert "reward=" not in said
        assert "Nobody has scored them" in said or "<proposals>" in said
    assert found["steps"][0]["size"] > 0
    assert found["settings"]["ground_truth_withheld"] is True


def test_with_ground_truth_the_learner_sees_both(practised: Ground) -> None:
    comparisons = [a.prompt for a in practised.questions if "<proposals>" not in a.prompt]
    assert all(TRUTH in prompt and "reward" in prompt for prompt in comparisons)


@pytest.mark.exhaustive
async def test_a_new_library_learns_from_a_group_of_one(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice", "--group-size", "1")
        found = here.report()

    assert len(here.attempts) == 6
    assert all(
        "there is no other to compare it with" in asked.prompt or "<proposals>" in asked.prompt
        for asked in here.questions
    )
    assert found["steps"][0]["size"] > 0


@pytest.mark.parametrize(
    ("ablation", "flag"),
    [
        (("--group-size", "1"), "--learn-from-single-attempts"),
        (("--no-ground-truth",), "--learn-without-rewards"),
    ],
)
async def test_an_existing_library_must_allow_the_ablation(
    tmp_path: Path, practised: Ground, ablation: tuple[str, ...], flag: str
) -> None:
    async with copy_of(practised, tmp_path) as here:
        ended = await here.do("practice", *ablation, "--run", str(tmp_path / "2"), code=1)

    assert f"experience-mcp describe lib {flag}" in ended.error
    assert here.endpoint.calls == []


async def test_direct_writing_takes_one_call_and_no_practice(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice", *here.evaluated, "--direct", "4")
        found = here.report()

    assert len(here.questions) == 1
    assert len(here.attempts) == 7 * 2 * 2
    assert TRUTH not in here.questions[0].prompt
    assert found["steps"][0]["size"] == 4
    assert counted(found["totals"]["whole"]) == here.spent()
    assert found["verdict"]["distinguishable"] is True


async def test_an_unusable_answer_is_asked_for_once_more_and_counted(tmp_path: Path) -> None:
    def first_bad(asked: Asked) -> Said:
        return Said("no JSON") if asked.messages == 1 or silly else world(asked)

    silly = True
    async with ground(tmp_path, first_bad) as here:
        ended = await here.do("practice", "--direct", "2", code=3)
        assert "answers cannot be used" in ended.errors
        silly = False
        await here.do("practice", "--direct", "2")
        found = here.report()

    assert counted(found["totals"]["whole"]) == here.spent()
    assert counted(found["totals"]["lost"])["calls"] == 2
    assert found["steps"][0]["size"] == 2


# Evaluation alone


async def test_evaluate_measures_what_practice_left(tmp_path: Path, practised: Ground) -> None:
    async with copy_of(practised, tmp_path) as here:
        ended = await here.do("evaluate", "--run", str(tmp_path / "e"), "--json")

    found = json.loads(ended.output)
    assert [arm["arm"] for arm in found["arms"]] == ["without", "with"]
    assert found["verdict"]["distinguishable"] is True
    assert counted(found["totals"]["whole"])["calls"] == here.spent()["calls"]


@pytest.mark.exhaustive
async def test_one_arm_can_be_evaluated_and_the_other_added_later(
    tmp_path: Path, practised: Ground
) -> None:
    async with copy_of(practised, tmp_path) as here:
        own = ("--run", str(tmp_path / "e"))
        await here.do("evaluate", *own, "--arm", "without")
        calls = len(here.endpoint.calls)
        ended = await here.do("evaluate", *own, "--json")

    assert len(here.endpoint.calls) == calls + 7 * 2
    assert [arm["arm"] for arm in json.loads(ended.output)["arms"]] == ["without", "with"]


async def test_a_library_is_not_evaluated_on_what_it_has_learned_from(
    tmp_path: Path, practised: Ground
) -> None:
    async with copy_of(practised, tmp_path) as here:
        same = here.data("same.jsonl", tasks(2))
        own = ("--run", str(tmp_path / "e"), "--data", str(same))
        ended = await here.do("evaluate", *own, code=1)
        assert "has learned from 2 of the tasks to evaluate on" in ended.error
        await here.do("evaluate", *own, "--allow-overlap")
