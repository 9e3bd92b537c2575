"""A run that is stopped, killed or redone resumes, and ends as one that ran through."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experience_store.testing import Asked, Said, ScriptedEndpoint
from server.practice.run.journal import open_journal
from server.practice.run.run_start import RunStart
from tests.parameters import first_of
from tests.processes.starting import kill
from tests.server.practice.scripted_world import counted, ground, is_attempt, slow, tasks, world

pytestmark = pytest.mark.usefixtures("no_pages")


class Watch:
    """Sets an event when so many calls more have come."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._left = -1

    def after(self, calls: int) -> asyncio.Event:
        self.reached, self._left = asyncio.Event(), calls
        return self.reached

    def __call__(self, asked: Asked) -> None:
        del asked
        self._left -= 1
        if self._left == 0:
            self.reached.set()


def watched(watch: Callable[[Asked], None], delay: float = 0.01) -> Callable[[Asked], Said]:
    def script(asked: Asked) -> Said:
        watch(asked)
        return slow(world, delay)(asked)

    return script


async def end_of(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("kills", first_of(4, 10))
async def test_a_run_that_is_killed_several_times_ends_as_one_that_is_not(
    tmp_path: Path, kills: int
) -> None:
    options = ("--epochs", "2", "--batch-size", "3", "--concurrency", "4")
    async with ground(tmp_path / "undisturbed") as here:
        await here.do("practice", *here.evaluated, *options)
        undisturbed = here.figures()
        versions = (await here.command("history", "lib", "--json")).output
        calls = len(here.endpoint.calls)

    watch, draw = Watch(), random.Random(4)
    async with ground(tmp_path / "killed", watched(watch)) as here:
        for _ in range(kills):
            reached = watch.after(draw.randint(1, calls // 6))
            process = await here.start("practice", *here.evaluated, *options)
            ending = asyncio.create_task(process.wait())
            waiting = asyncio.create_task(reached.wait())
            await asyncio.wait({ending, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not ending.done():
                kill(process)
            await process.communicate()
            await ending
        await here.do("practice", *here.evaluated, *options)
        assert here.figures() == undisturbed
        again = (await here.command("history", "lib", "--json")).output
        assert again.count('"version"') == versions.count('"version"')


@pytest.mark.parametrize("number", first_of(signal.SIGINT, signal.SIGTERM))
async def test_an_interrupted_run_ends_in_order_and_resumes(
    tmp_path: Path, number: signal.Signals
) -> None:
    watch = Watch()
    async with ground(tmp_path, watched(watch, 0.02)) as here:
        reached = watch.after(8)
        process = await here.start("practice", *here.evaluated)
        await reached.wait()
        process.send_signal(number)
        code, _, errors = await end_of(process)
        assert (code, "Traceback" in errors) == (130, False), errors
        with open_journal(here.run) as journal:
            done = len(journal.keys("*/score"))
        said = f"Stopped; the same command goes on ({done} of 46 attempts done)"
        assert errors.splitlines()[-1] == said
        await here.do("practice", *here.evaluated)
        assert here.report()["stopped"] is None


HANGING = """
import os, time

def forever(task, rollout):
    os.write(1, b"begun\\n")
    time.sleep(100_000)

async def holds_everything_up(task, rollout):
    forever(task, rollout)
"""


@pytest.mark.parametrize(("function", "again"), [("forever", False), ("holds_everything_up", True)])
async def test_a_verifier_that_does_not_end_does_not_keep_the_program_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, again: bool
) -> None:
    (tmp_path / "hanging_checks.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    async with ground(tmp_path) as here:
        process = await here.start("practice", "--verifier", f"hanging_checks:{function}")
        assert process.stdout is not None
        await process.stdout.readuntil(b"begun\n")
        ending = asyncio.create_task(end_of(process))
        process.send_signal(signal.SIGINT)
        while again and not ending.done():
            await asyncio.wait({ending}, timeout=0.2)
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
        code, _, errors = await ending
    assert code == (-signal.SIGINT if again else 130), errors
    assert "Traceback" not in errors


async def test_learning_that_is_interrupted_resumes(tmp_path: Path) -> None:
    watch = Watch()

    def script(asked: Asked) -> Said:
        if not is_attempt(asked):
            watch(asked)
        return slow(world, 0.05)(asked)

    async with ground(tmp_path, script) as here:
        reached = watch.after(2)
        process = await here.start("practice")
        await reached.wait()
        process.send_signal(signal.SIGTERM)
        code, _, errors = await end_of(process)
        assert (code, "Traceback" in errors) == (130, False), errors
        await here.do("practice")
        assert here.report()["steps"][0]["size"] > 0


async def test_a_run_is_done_by_one_process_at_a_time(tmp_path: Path) -> None:
    watch, go_on = Watch(), asyncio.Event()

    def script(asked: Asked) -> Said:
        watch(asked)
        return Said(world(asked).text, delay=0 if go_on.is_set() else 0.2)

    async with ground(tmp_path, script) as here:
        reached = watch.after(1)
        process = await here.start("practice")
        await reached.wait()
        calls = len(here.endpoint.calls)
        ended = await here.do("practice", code=1)
        assert "another process is working on the run" in ended.error
        assert "--run" in ended.error
        go_on.set()
        assert (await end_of(process))[0] == 0
    assert calls


# Settings


async def test_a_run_is_not_resumed_under_other_settings(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice")
        calls = len(here.endpoint.calls)
        ended = await here.do("practice", "--group-size", "4", "--seed", "3", code=1)

    assert "--group-size was 3, now 4" in ended.error
    assert "--seed was 0, now 3" in ended.error
    assert "--run" in ended.error
    assert len(here.endpoint.calls) == calls


CHECKS = """
def short(task, rollout):
    return weigh(task.ground_truth in rollout.answer)

def weigh(right):
    return float(right)
"""


@pytest.mark.exhaustive
async def test_a_run_is_not_resumed_by_another_verifier_seeding_or_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = ("--verifier", "going_on_checks:short")
    checks = tmp_path / "going_on_checks.py"
    async with ground(tmp_path) as here, ScriptedEndpoint(world) as other:
        checks.write_text(CHECKS.replace("float(right)", "right.nothing"))
        ended = await here.do("practice", *own, code=3)
        assert "AttributeError in going_on_checks.py" in ended.errors
        checks.write_text(CHECKS)  # nothing was scored by the other code
        sys.modules.pop("going_on_checks")
        await here.do("practice", *own)
        calls = len(here.endpoint.calls)
        elsewhere = other.base_url.replace("//", "//me:secret@")
        ended = await here.do("practice", *own, "--base-url", elsewhere, code=1)
        assert f"--base-url was {here.endpoint.base_url}, now {other.base_url}" in ended.error
        assert "--teacher-url was" in ended.error
        assert "secret" not in ended.error

        arguments = here.arguments("practice", *own)
        arguments.remove("--send-seed")
        ended = await here.invoke(arguments)
        assert (ended.code, "--send-seed was on, now off" in ended.error) == (1, True)

        checks.write_text(CHECKS.replace("float(right)", "1.0 - right"))
        sys.modules.pop("going_on_checks")
        ended = await here.do("practice", *own, code=1)
        assert "the code of --verifier changed" in ended.error
        assert (len(here.endpoint.calls), other.calls) == (calls, [])


@pytest.mark.exhaustive
async def test_a_run_is_resumed_from_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice")
        calls = len(here.endpoint.calls)
        monkeypatch.chdir(tmp_path)
        await here.do("practice", "--data", "practice.jsonl")
        assert len(here.endpoint.calls) == calls
        here.data("practice.jsonl", tasks(5))
        ended = await here.do("practice", code=1)
        assert "the tasks of --data changed: 6, now 5" in ended.error
        assert "jsonl" not in ended.error


@pytest.mark.exhaustive
async def test_what_a_run_of_an_older_release_does_not_say_is_taken_as_it_is_now(
    tmp_path: Path,
) -> None:
    later = {"endpoint", "teacher_endpoint", "verifier_code", "send_seed"}
    async with ground(tmp_path) as here:
        await here.do("practice")
        with open_journal(here.run) as journal:
            began = journal.get("run", RunStart)
            assert began is not None
            old = {name: value for name, value in began.settings.items() if name not in later}
            journal.put("run", began.model_copy(update={"settings": old}), instead_of="run")
        calls = len(here.endpoint.calls)
        await here.do("practice")
        assert len(here.endpoint.calls) == calls
        arguments = here.arguments("practice")
        arguments.remove("--send-seed")
        assert "--send-seed was on, now off" in (await here.invoke(arguments)).error


@pytest.mark.exhaustive
async def test_a_run_that_has_done_nothing_yet_may_get_other_settings(tmp_path: Path) -> None:
    def only_one(asked: Asked) -> Said:
        return world(asked) if asked.model == "right" else Said("no such model", status=404)

    async with ground(tmp_path, only_one) as here:
        await here.do("practice", "--model", "rihgt", code=1)
        await here.do("practice", "--model", "right")
        assert here.report()["settings"]["model"] == "right"


# Anew from a step


async def test_steps_can_be_redone_and_what_they_cost_stays_counted(tmp_path: Path) -> None:
    options = ("--batch-size", "2", "--epochs", "2")
    async with ground(tmp_path) as here:
        await here.do("practice", *here.evaluated, *options)
        first = here.report()
        first_spent = here.spent()
        await here.do("practice", *here.evaluated, *options, "--from-step", "2")
        found, spent = here.report(), here.spent()

    assert counted(found["totals"]["whole"]) == spent
    lost, steps = found["totals"]["lost"], found["steps"]
    assert lost["calls"] == spent["calls"] - first_spent["calls"]
    assert len(steps) == 6
    for figure in ("mean_reward", "size", "groups"):
        assert [step[figure] for step in steps] == [step[figure] for step in first["steps"]]


@pytest.mark.exhaustive
async def test_the_library_is_what_it_was_before_the_step_that_is_redone(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice")
        await here.do("practice", "--from-step", "1")
        (step,) = here.report()["steps"]

    assert (step["version_before"], step["version"]) == (2, 3)
    assert not any("[G" in asked.prompt for asked in here.attempts)


@pytest.mark.exhaustive
async def test_a_step_that_was_not_reached_cannot_be_redone(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice")
        ended = await here.do("practice", "--from-step", "7", code=1)
    assert ended.error == "the run has not reached step 7 yet\n"


@pytest.mark.exhaustive
async def test_a_step_that_waits_to_be_learned_is_learned_before_steps_are_redone(
    tmp_path: Path,
) -> None:
    broken = True

    def no_teacher(asked: Asked) -> Said:
        return Said(status=401) if broken and not is_attempt(asked) else world(asked)

    async with ground(tmp_path, no_teacher) as here:
        await here.do("practice", code=1)
        broken = False
        ended = await here.do("practice", "--from-step", "1", code=1)
        assert "step 1 is submitted and not learned yet" in ended.error
        await here.do("practice")
        await here.do("practice", "--from-step", "1")


@pytest.mark.exhaustive
async def test_groups_submitted_when_the_run_was_killed_are_learned_before_steps_are_redone(
    tmp_path: Path,
) -> None:
    broken = True

    def no_teacher(asked: Asked) -> Said:
        return Said(status=401) if broken and not is_attempt(asked) else world(asked)

    async with ground(tmp_path, no_teacher) as here:
        await here.do("practice", code=1)
        with open_journal(here.run) as journal:  # as if it was killed before it noted them down
            journal.forget(*journal.keys("*/handed-in"))
        broken = False
        ended = await here.do("practice", "--from-step", "1", code=1)
        assert "that are not learned yet" in ended.error
        assert "without --from-step first" in ended.error
        await here.do("practice")
        groups = here.report()["steps"][0]["groups"]
        await here.do("practice", "--from-step", "1")
        assert here.report()["steps"][0]["groups"] == groups
