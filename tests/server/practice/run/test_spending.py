"""What is spent is counted: where nobody reports it, where a run stops, and only once."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from experience_store.testing import Asked, Said, ScriptedEndpoint, ToolUse
from experience_store.token_estimate import estimate_tokens
from server.learning.models.endpoint import Endpoint
from server.practice.client.connection import connect
from server.practice.client.library_client import LibraryClient, spent_by_server
from server.practice.players import BrokenOffError, Sampling
from server.practice.players.completion import CompletionPlayer
from server.practice.records import Rollout, Spent, Task
from server.practice.run.attempts import AttemptSettings, roll_out, score
from server.practice.run.journal import open_journal
from server.practice.run.learning import LibraryLearning
from server.practice.run.teacher import BudgetedModel
from server.practice.spending import Budget, UsageMeter
from server.practice.verifiers import make_verifier
from server.settings import ModelSettings, Prices
from tests.server.practice.client.test_server_elsewhere import serving
from tests.server.practice.scripted_agent import PROMPT, agent, in_turn, use
from tests.server.practice.scripted_world import counted, ground, is_attempt, world

pytestmark = pytest.mark.usefixtures("no_pages")

PRICES = ("--price-prompt", "10", "--price-completion", "10")


def uncounted(asked: Asked) -> Said:
    return replace(world(asked), usage=False)


# Endpoints that report nothing


@pytest.mark.parametrize("bound", [("--max-tokens", "100"), (*PRICES, "--max-cost", "0.001")])
async def test_a_budget_stops_a_run_whose_endpoint_reports_no_tokens(
    tmp_path: Path, bound: tuple[str, ...]
) -> None:
    async with ground(tmp_path, uncounted) as here:
        ended = await here.do("practice", "--concurrency", "1", *bound, code=3)
        assert f"{bound[-2]} {bound[-1]} is spent" in ended.errors
        assert 2 < len(here.endpoint.calls) < 18


async def test_estimated_tokens_are_marked_and_get_no_cost(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path, uncounted) as here:
        ended = await here.do("practice", *here.evaluated, "--limit", "2")
        whole = here.report()["totals"]["whole"]
        calls = len(here.endpoint.calls)

    assert (whole["calls"], whole["estimated"], whole["cost"]) == (calls, calls, None)
    assert here.report()["steps"][0]["learning"]["estimated"] > 0
    assert f"Spent: {calls} calls, about " in ended.output
    assert f"{calls} calls of {calls} were answered without a count of tokens" in ended.output
    assert "No prices are configured: costs are unknown." in ended.output


@pytest.mark.parametrize(
    "usage",
    [None, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": 0}, [7]],
    ids=["none", "nulls", "nothing", "a list"],
)
async def test_an_unreadable_token_count_is_estimated_from_the_texts(usage: object) -> None:
    choice: dict[str, object] = {"message": {"role": "assistant", "content": "Number 7."}}
    body = json.loads(json.dumps({"choices": [choice], "usage": usage}))
    async with ScriptedEndpoint(lambda _: Said(body=body)) as endpoint:
        model = ModelSettings("fake", "none", endpoint.base_url, prices=Prices(1, 1, 1))
        done, budget = await _played(model)
    assert done.answer == "Number 7."
    tokens = estimate_tokens(f"\n{PROMPT}"), estimate_tokens("Number 7.")
    assert (done.spent.prompt_tokens, done.spent.completion_tokens) == tokens
    assert done.spent.cost == pytest.approx(sum(tokens) / 1e6)
    assert done.spent.estimated == 1
    assert budget.spent == done.spent


async def _played(model: ModelSettings) -> tuple[Rollout, Budget]:
    player, budget = CompletionPlayer(model, Sampling()), Budget()
    attempt_settings = AttemptSettings(tries=1)
    done = await roll_out(
        player, PROMPT, key="k", attempt_settings=attempt_settings, budget=budget, lost=_never
    )
    await player.close()
    return done, budget


def _never(spent: Spent) -> None:
    raise AssertionError(spent)


async def test_an_agent_s_tokens_are_estimated_call_by_call_without_usage(
    tmp_path: Path,
) -> None:
    script = in_turn(
        Said("I look.", tool_uses=(ToolUse("numbers_look_up", {"number": 5}),), usage=False),
        replace(use("numbers_look_up", number=6), usage=False),
        Said("It is called TRUTH-IS-5."),
    )
    async with agent(tmp_path, script) as made:
        done = await made.play()
    assert (done.spent.calls, done.spent.estimated) == (3, 2)
    said = estimate_tokens(PROMPT)
    assert done.spent.prompt_tokens > made.endpoint.prompt_tokens + 2 * said
    assert done.spent.completion_tokens > made.endpoint.completion_tokens
    assert done.spent.cost == pytest.approx(done.spent.tokens / 1e6)


# Where a run stops


async def test_spending_of_a_try_is_kept_when_it_is_cancelled_before_the_next() -> None:
    async with ScriptedEndpoint(lambda _: Said("Hm.")) as endpoint:
        model = ModelSettings("fake", "none", endpoint.base_url)
        player, budget, lost = _BreaksOff(model, Sampling()), Budget(), list[Spent]()
        work = roll_out(
            player,
            PROMPT,
            key="k",
            attempt_settings=AttemptSettings(),
            budget=budget,
            lost=lost.append,
        )
        attempt = asyncio.create_task(work)
        await player.broken.wait()
        await asyncio.sleep(0)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await player.close()
    assert budget.spent.calls == 1
    assert lost == [budget.spent]


class _BreaksOff(CompletionPlayer):
    """Breaks off after a call that was paid for."""

    def __init__(self, model: ModelSettings, sampling: Sampling) -> None:
        super().__init__(model, sampling)
        self.broken = asyncio.Event()

    async def play(self, prompt: str, meter: UsageMeter, seed: int) -> str:
        await super().play(prompt, meter, seed)
        self.broken.set()
        raise BrokenOffError("the tool server is gone")


async def test_spending_of_a_judge_is_kept_when_its_second_question_is_cancelled() -> None:
    second = asyncio.Event()

    def script(asked: Asked) -> Said:
        if asked.number == 1:
            return Said("It is good.")
        second.set()
        return Said(delay=60)

    async with ScriptedEndpoint(script) as endpoint:
        budget, lost = Budget(), list[Spent]()
        model = BudgetedModel(Endpoint(ModelSettings("j", "none", endpoint.base_url)), budget, 1)
        verifier = make_verifier("judge", judge=model)
        task, rollout = Task(id="t", prompt="Which city?"), Rollout(messages=[], answer="Paris")
        scoring = asyncio.create_task(
            score(verifier, task, rollout, budget=budget, lost=lost.append)
        )
        await second.wait()
        scoring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scoring
        await model.close()
    assert budget.spent.calls == 1
    assert lost == [budget.spent]


@pytest.mark.exhaustive
async def test_spending_of_a_server_elsewhere_is_counted_once(tmp_path: Path) -> None:
    async with ground(tmp_path) as here, serving(here, model=True) as (url, _):
        await here.do("practice", "--server", url)
        spent = here.report()["steps"][0]["learning"]
        async with AsyncExitStack() as stack:
            budget = Budget()
            library = LibraryClient(await connect(url, stack), "lib")
            # as at the start of a run that is resumed
            budget.add_elsewhere(spent_by_server(await library.updates()))
            assert counted(budget.whole.model_dump()) == counted(spent)
            journal = stack.enter_context(open_journal(tmp_path / "journal"))
            learning = LibraryLearning(journal, library, budget)
            learned = await learning.outcome(await library.info(), 0, [], Spent())
    assert learned.spent == budget.whole
    assert counted(budget.whole.model_dump()) == counted(spent)
    assert spent["calls"] > 0


# Answers without an end


async def test_an_endless_answer_is_asked_for_again_and_little_of_it_is_kept(
    tmp_path: Path,
) -> None:
    long = set[str]()

    def endless(asked: Asked) -> Said:
        if is_attempt(asked) or asked.prompt in long:
            return world(asked)
        long.add(asked.prompt)
        return Said("word " * 100_000)

    async with ground(tmp_path, endless) as here, serving(here) as (url, _):
        await here.do("practice", "--server", url)
        found = here.report()

    corrections = [asked.last.text for asked in here.questions if asked.messages > 1]
    assert len(corrections) == len(long)
    assert all("characters; at most 200000 are read" in text for text in corrections)
    assert found["steps"][0]["size"] > 0
    assert (here.run / "run.db").stat().st_size < 350_000 * len(long)
