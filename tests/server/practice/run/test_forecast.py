"""What a run will take is said before the first call, and by --dry-run without any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experience_store.learning.inputs import MODEL
from server.practice.records import Task
from server.practice.run.forecast import Assumptions, forecast
from server.practice.run.runner import RunPlan
from server.settings import Prices
from tests.server.practice.scripted_world import ground

pytestmark = pytest.mark.usefixtures("no_pages")

WHAT = "Practice on 6 tasks x 3 attempts x 1 epoch; evaluation on 7 tasks x 2 attempts, without and"


def plan(size: int, **changes: int) -> RunPlan:
    tasks = tuple(Task(id=str(n), prompt="word " * size) for n in range(10))
    values = {"epochs": 2, "group_size": 3, "batch_size": 5, "k": 4, **changes}
    return RunPlan(tasks, tasks, **values)  # pyright: ignore[reportArgumentType]  # numbers all


def assuming(*, tools: bool = False, judged: bool = False) -> Assumptions:
    prices = Prices(1, 1, 2)
    return Assumptions(200, None, 1_000, tools, judged, prices, prices, MODEL)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_one_line_says_what_it_will_take_before_the_first_call(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        ended = await here.do("practice", *here.evaluated, "--max-tokens", "1", code=3)
        first = ended.errors.splitlines()[0]
        assert first.startswith(f"{WHAT} with the library: 46 attempts, about 5")
        assert first.endswith("(assuming 500 tokens an answer)")
        ended = await here.do("practice", *here.evaluated)
        assert "attempts done before" in ended.errors.splitlines()[0]
        ended = await here.do("practice", *here.evaluated)
        assert "assuming" not in ended.errors  # nothing is left to do


@pytest.mark.parametrize("command", ["practice", "evaluate"])
async def test_a_dry_run_makes_and_calls_nothing_and_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("server.practice.report._NEEDED", ("no_such_package",))  # nor reports
    async with ground(tmp_path) as here:
        before = names(tmp_path)
        arguments = here.arguments(command, "--dry-run", "--price-prompt", "1")
        place = arguments.index("--base-url")
        del arguments[place : place + 2]
        ended = await here.invoke(arguments)
        assert ended.code == 0, ended
        assert "cost about" in ended.output
        assert "Nothing was called" in ended.output
        as_json = json.loads((await here.invoke([*arguments, "--json"])).output)
        assert as_json["attempts"] == (18 if command == "practice" else 28)
        wrong = await here.invoke([*arguments, "--verifier", "matsch"])
        assert "did you mean 'match'?" in wrong.error
        assert names(tmp_path) == before
        assert here.endpoint.calls == []


def test_calls_are_counted_by_purpose() -> None:
    found = forecast(plan(10), assuming(judged=True)).parts
    assert {name: spent.calls for name, spent in found.items()} == {
        "attempts in practice": 10 * 2 * 3,
        "learning": 10 * 2 + 4,
        "attempts in evaluation": 10 * 4 * 2,
        "judging": 10 * 2 * 3 + 10 * 4 * 2,
    }
    assert found["attempts in practice"].cost is not None


def test_tokens_grow_with_prompts_answers_and_turns() -> None:
    short, long = forecast(plan(10), assuming()).whole, forecast(plan(1_000), assuming()).whole
    attempts = 10 * 2 * 3 + 10 * 4 * 2
    assert long.prompt_tokens - short.prompt_tokens >= 990 * attempts
    agent = forecast(plan(10), assuming(tools=True)).whole
    assert agent.prompt_tokens > 4 * short.prompt_tokens
    assert forecast(plan(10), assuming(tools=True)).line.endswith("and 4 calls an attempt)")


def test_writing_directly_is_one_call() -> None:
    found = forecast(plan(10, direct=5), assuming())
    assert found.parts["learning"].calls == 1
    assert found.attempts == 80
