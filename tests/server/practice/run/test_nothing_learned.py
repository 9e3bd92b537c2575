"""A run that learned nothing says so and why, and a library that serves nothing is no arm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experience_store.testing import Said
from tests.server.practice.scripted_world import (
    Ground,
    but,
    copy_of,
    ground,
    is_attempt,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")

EMPTY = Said(json.dumps({"reasons": "no difference that matters", "operations": []}))


def always(text: str) -> Said:
    return Said(f"Answer: {text}")


@pytest.mark.parametrize(
    ("answers", "learner", "said"),
    [
        pytest.param(
            always("wrong"),
            None,
            "too hard for this model, or --verifier misses correct answers",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            None,
            EMPTY,
            "the comparisons found nothing that is both general and new",
            marks=pytest.mark.exhaustive,
        ),
        (None, Said("not JSON"), "answers could not be used; the last: There is no JSON object"),
    ],
    ids=["all alike", "no proposal", "learning fails"],
)
async def test_nothing_learned_is_the_headline_with_the_reason(
    tmp_path: Path, answers: Said | None, learner: Said | None, said: str
) -> None:
    script = but(world, lambda asked: answers if is_attempt(asked) else learner)
    async with ground(tmp_path, script) as here:
        ended = await here.do("practice", *here.evaluated, code=4)
        first = ended.output.splitlines()[0]
        assert first.startswith("Nothing was learned: ")
        assert said in first
        assert here.report()["nothing"] == first
        assert [arm["arm"] for arm in here.report()["arms"]] == ["without"]
        assert "evaluating with experiences" not in ended.errors
        assert len(here.attempts) == 6 * 3 + 7 * 2
        calls = len(here.endpoint.calls)
        again = await here.do("practice", *here.evaluated, code=4)
        assert (again.output, len(here.endpoint.calls)) == (ended.output, calls)


@pytest.mark.exhaustive
async def test_experiences_from_before_are_measured_though_nothing_was_learned(
    tmp_path: Path, practised: Ground
) -> None:
    no_more = but(world, lambda asked: None if is_attempt(asked) else EMPTY)
    async with copy_of(practised, tmp_path) as here, ground(tmp_path, no_more) as tired:
        options = ("--run", str(tmp_path / "2"))
        ended = await tired.do("practice", *here.evaluated, *options, code=4)
        assert ended.output.startswith("Nothing was learned: ")
        assert "Mean@2: " in ended.output


async def test_an_empty_library_is_not_evaluated_against_itself(
    tmp_path: Path, practised: Ground
) -> None:
    async with copy_of(practised, tmp_path) as here:
        shown = json.loads((await here.command("show", "lib", "--json")).output)
        ids = [experience["id"] for experience in shown["experiences"]]
        await here.command("edit", "retire", *ids, "--library", "lib")
        ended = await here.do("evaluate", "--run", str(tmp_path / "e"), code=4)
        assert ended.output.startswith("Nothing to compare: library 'lib' has no experiences")
        assert len(here.attempts) == 7 * 2
        ended = await here.do("evaluate", "--run", str(tmp_path / "f"), "--arm", "with", code=1)
        assert "library 'lib' has no experiences to evaluate" in ended.error
        assert len(here.attempts) == 7 * 2


@pytest.mark.exhaustive
async def test_a_budget_without_experiences_leaves_nothing_to_compare(
    tmp_path: Path, practised: Ground
) -> None:
    async with copy_of(practised, tmp_path) as here:
        options = ("--run", str(tmp_path / "e"), "--experience-tokens", "0")
        ended = await here.do("evaluate", *options, code=4)
        assert "library 'lib' serves none of its experiences" in ended.output.splitlines()[0]
        assert len(here.attempts) == 7 * 2
