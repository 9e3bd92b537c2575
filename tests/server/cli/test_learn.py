"""`learn` with a scripted endpoint."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import Result

from experience_store.testing import Asked, Said, ScriptedEndpoint, sensible_answer
from server.cli.commands.learn import Progress
from server.learning.model_driver import UpdateProgress
from server.learning.worker import Worker, WorkerTimes
from server.text import HOW_TO_FIT, NONE_FIT
from tests.processes.starting import cli_command
from tests.server.cli.program import Json, Program, lines

WON, LOST = {"output": "won", "reward": 1}, {"output": "lost", "reward": 0}
TASKS = ("Cancel the booking", "Upgrade the cabin", "Change the passenger")


async def learn(program: Program, endpoint: ScriptedEndpoint, *args: str, fails: int = 0) -> Result:
    """Run `learn` in this process, beside the endpoint."""
    model = ("--model", "fake", "--base-url", endpoint.base_url, "--retries", "0")
    return await asyncio.to_thread(program.run, "learn", *model, *args, fails=fails)


async def learn_in_child(
    program: Program, endpoint: ScriptedEndpoint, *args: str
) -> tuple[int, str, str]:
    """Run `learn` in a child process; its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *cli_command("learn", "--base-url", endpoint.base_url, "--retries", "0", *args),
        env=program.environment(EXPERIENCE_MCP_MODEL="fake"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


@pytest.fixture
def waiting(program: Program) -> Program:
    groups = [{"task": task, "trajectories": [WON, LOST], "group_id": task} for task in TASKS]
    program.run("submit", "-l", "lib", stdin=lines(*groups))
    return program


async def test_learn_publishes_a_version_and_reports_its_cost(waiting: Program) -> None:
    async with ScriptedEndpoint() as endpoint:
        code, output, errors = await learn_in_child(
            waiting, endpoint, "-l", "lib", "--price-prompt", "1", "--price-completion", "2"
        )
        cost = (endpoint.prompt_tokens + 2 * endpoint.completion_tokens) / 1e6
    assert (code, errors) == (0, "")
    assert output.startswith("lib\n  Version 1, learned from 3 groups:\n    + G1 ")
    assert output.rstrip().endswith(f"cost {cost:.4f}")
    assert f"{len(endpoint.calls)} calls, {endpoint.prompt_tokens:,} prompt tokens" in output


async def test_why_shows_reasons_and_attempts(waiting: Program) -> None:
    async with ScriptedEndpoint() as endpoint:
        await learn(waiting, endpoint, "-l", "lib")
    output = await asyncio.to_thread(waiting.run, "why", "G1", "-l", "lib")
    assert "Because: The better attempts checked first." in output.stdout
    assert f"From group {TASKS[0]}: {TASKS[0]}" in output.stdout
    assert "    reward 1  a-" in output.stdout


async def test_learn_all_covers_every_library_and_prints_json(waiting: Program) -> None:
    group = {"task": "Rain", "trajectories": [WON, LOST], "library": "zoo"}
    await asyncio.to_thread(waiting.run, "submit", stdin=lines(group))
    async with ScriptedEndpoint() as endpoint:
        found = Json(json.loads((await learn(waiting, endpoint, "--all", "--json")).stdout))
    assert found.all("libraries", of="library") == ["lib", "zoo"]
    assert found.all("libraries", of="waiting") == [0, 0]
    assert found.at("libraries", 0, "updates", 0, "status") == "published"


async def test_learn_with_no_waiting_groups_says_so_and_makes_no_calls(waiting: Program) -> None:
    async with ScriptedEndpoint() as endpoint:
        await learn(waiting, endpoint, "-l", "lib")
        calls = len(endpoint.calls)
        result = await learn(waiting, endpoint, "-l", "lib")
        assert len(endpoint.calls) == calls
    assert "3 with signal, 3 learned from" in result.stdout


async def test_an_outage_of_the_endpoint_loses_no_answers(waiting: Program) -> None:
    def script(asked: Asked) -> Said:
        gone = asked.number > 1
        return Said(status=503) if gone else Said(sensible_answer(asked.prompt))

    async with ScriptedEndpoint(script) as endpoint:
        code, _, errors = await learn_in_child(waiting, endpoint, "-l", "lib", "--concurrency", "1")
    assert code == 1
    assert errors.startswith("Error: fake at http://127.0.0.1:")
    assert "Nothing is lost" in errors
    assert "Traceback" not in errors
    async with ScriptedEndpoint() as endpoint:
        await learn(waiting, endpoint, "-l", "lib")
        assert len(endpoint.calls) == 3  # two comparisons and one consolidation are left


async def test_groups_that_were_set_aside_can_be_retried(waiting: Program) -> None:
    async with ScriptedEndpoint(lambda _: Said("no JSON")) as endpoint:
        result = await learn(waiting, endpoint, "-l", "lib", fails=1)
    assert "3 groups set aside" in result.stdout
    result = await asyncio.to_thread(waiting.run, "learn", "-l", "lib", "--retry-set-aside")
    assert "Waiting: 3 groups" in result.stdout
    async with ScriptedEndpoint() as endpoint:
        await learn(waiting, endpoint, "-l", "lib", "--retry-set-aside")


def test_learn_without_a_model_says_how_to_configure_one(waiting: Program) -> None:
    result = waiting.run("learn", "-l", "lib", fails=1)
    assert "no model is configured" in result.stderr
    assert "--model NAME" in result.stderr
    assert "update_experiences" in result.stderr


def test_learn_does_not_take_a_key_alone_for_a_model(
    waiting: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert "no model is configured" in waiting.run("learn", "-l", "lib", fails=1).stderr


@pytest.fixture
def fast_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Worker.__init__.__kwdefaults__ or {}, "times", WorkerTimes(round=0.01))


@pytest.mark.usefixtures("fast_rounds")
async def test_a_group_that_always_fails_is_named_and_the_others_are_learned(
    waiting: Program,
) -> None:
    def script(asked: Asked) -> Said:
        if f"<task>\n{TASKS[0]}" in asked.prompt:
            return Said("flagged by moderation", status=403)
        return Said(sensible_answer(asked.prompt))

    async with ScriptedEndpoint(script) as endpoint:
        result = await learn(waiting, endpoint, "-l", "lib", fails=1)
        again = Json(json.loads((await learn(waiting, endpoint, "-l", "lib", "--json")).stdout))
    said = " ".join(result.stdout.split())
    assert "Version 1, learned from 2 groups" in said
    assert f"Set aside: group {TASKS[0]}: fake at http" in said
    assert "refused the request: HTTP 403: flagged by moderation" in said
    assert again.at("libraries", 0, "set_aside_now") == []


def test_learn_says_when_nothing_can_ever_be_learned(program: Program) -> None:
    lone = [{"task": f"Task {n}", "trajectories": [WON], "group_id": f"g{n}"} for n in range(5)]
    program.run("submit", "-l", "lib", stdin=lines(*lone))
    result = program.run("learn", "-l", "lib", "--model", "none", "--base-url", "http://[::1]:9/v1")
    doctor = program.run("doctor")
    for said in (result.stdout, doctor.stdout):
        assert NONE_FIT in " ".join(said.split())
        assert HOW_TO_FIT in " ".join(said.split())


def test_progress_counts_groups_and_estimates_what_is_left() -> None:
    now = 0.0
    progress = Progress(2_000, lambda: now)
    assert progress.text(UpdateProgress("u1", 0, 0, 8)) == "0 of 2,000 groups"
    now = 60.0
    assert progress.text(UpdateProgress("u1", 256, 257, 0)) == "256 of 2,000 groups, about 7 min"
    now = 240.0
    assert progress.text(UpdateProgress("u2", 512, 0, 8)) == "768 of 2,000 groups, about 6 min"
    now = 7_200.0
    assert progress.text(UpdateProgress("u3", 1, 0, 8)) == "769 of 2,000 groups, about 3 h"
    assert progress.text(UpdateProgress("u4", 1_300, 0, 0)) == "2,069 of 2,069 groups"
