"""What `practice` and `evaluate` do: put a run together, do it, and report."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

import click
import httpx2
from mcp import Client, MCPError
from mcp_types import Implementation
from pydantic import JsonValue

from experience_store.errors import BadInputError, ExperienceError
from experience_store.library import check_library_name
from server.cli.practice_options import Given
from server.cli.printing import print_json, printable
from server.mcp_server import ExperienceServer, build_server
from server.models.endpoint import Endpoint
from server.practice.accounts import learned_updates, spent
from server.practice.beginning import Beginning, begin, begin_anew
from server.practice.datasets import load_tasks, overlap, split
from server.practice.direct import DirectQuestion, write_directly
from server.practice.errors import RunStoppedError
from server.practice.journal import Journal, open_journal
from server.practice.library_client import LibraryClient, Withheld
from server.practice.plan import Plan
from server.practice.players import Player, Sampling
from server.practice.players.completion import Completion
from server.practice.playing import Playing, Tally
from server.practice.records import Arm, Run, Task
from server.practice.report import check_available, summary_lines, write_report
from server.practice.run import Runner
from server.practice.spending import BudgetSpentError, Meter
from server.practice.teacher import MeteredModel, Teacher
from server.practice.verifiers import Verifier, make_verifier
from server.settings import ModelSettings, Settings

STOPPED = 3  # exit code of a run that can be gone on with
_NEVER = 2**31  # the embedded server learns when it is told, not by itself
GYM = "reasoning-gym"
ARMS: tuple[Arm, ...] = ("without", "with")


@dataclass(frozen=True, slots=True)
class Work:
    """A run that is put together and may begin."""

    given: Given
    plan: Plan
    tasks: tuple[Task, ...]
    verifier: Verifier
    journal: Journal
    meter: Meter
    library: LibraryClient
    server: ExperienceServer | None


def run(given: Given) -> None:
    """Do a run, or go on with it; write its report and print it."""
    given.check()
    check_available()
    check_library_name(given.library)
    tasks, plan = _plan(given)
    done = asyncio.run(_until_interrupted(_run(given, plan, tasks)))
    if given.as_json:
        report = given.folder / "report.json"
        print_json(json.loads(report.read_text(encoding="utf-8")))
    else:
        for line in summary_lines(done):
            click.echo(printable(line) if line.strip() else "")
        click.echo(f"\nReport: {given.folder / 'report.html'}")
    if done.stopped is not None:
        click.echo(f"Stopped: {printable(done.stopped)}", err=True)
        raise click.exceptions.Exit(STOPPED)


def _plan(given: Given) -> tuple[tuple[Task, ...], Plan]:
    """The tasks and what is done with them."""
    load = partial(load_tasks, task_field=given.task_field, truth_field=given.truth_field)
    tasks = load(given.data, limit=given.limit, skip=given.skip)
    held_out: tuple[Task, ...] = ()
    if not given.epochs:
        tasks, held_out = (), tasks
    elif given.eval_data is not None:
        held_out = load(given.eval_data)
    elif given.hold_out is not None:
        tasks, held_out = split(tasks, given.hold_out, given.seed)
    if not given.allow_overlap and (common := overlap(tasks, held_out)):
        raise BadInputError(
            f"{len(common)} tasks are in both the practice and the evaluation data, the first is "
            f"{common[0][1].id!r}: a gain on them would prove nothing. Leave them out, or "
            "insist with --allow-overlap."
        )
    return tasks, Plan(
        tasks=() if given.direct else tasks,
        held_out=held_out,
        epochs=given.epochs,
        group_size=given.group_size,
        batch_size=given.batch_size,
        k=given.k,
        seed=given.seed,
        max_tokens=given.experience_tokens,
        withheld=Withheld(ground_truth=given.no_ground_truth, rewards=given.no_ground_truth),
    )


async def _until_interrupted(work: Coroutine[object, object, Run]) -> Run:
    """Let SIGTERM and Ctrl-C end a run in the same orderly way."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_signal_handler(signal.SIGTERM)  # a second one ends it where it stands
        task.cancel()

    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, end)
    try:
        return await task
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
    except BaseExceptionGroup as group:  # clients run in task groups, which wrap what passes
        raise _only(group) from group


def _only(error: BaseException) -> BaseException:
    """The one error in a group of one; else the error itself."""
    while isinstance(error, BaseExceptionGroup):
        first, *others = error.exceptions  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of anything
        if others:
            break
        error = first  # pyright: ignore[reportUnknownVariableType]  # an exception all the same
    return error  # pyright: ignore[reportUnknownVariableType]  # likewise


async def _run(given: Given, plan: Plan, tasks: tuple[Task, ...]) -> Run:
    async with AsyncExitStack() as stack:
        work = await _put_together(given, plan, tasks, stack)
        runner = await _runner(work, stack)
        stopped = await _do(work, runner)
        done = runner.result(stopped)
        write_report(done, given.folder)
        return done


async def _do(work: Work, runner: Runner) -> str | None:
    """Do all of it; why it stopped, if it did."""
    given = work.given
    try:
        if given.direct:
            await _without_practice(work, runner, given.direct)
        elif given.epochs:
            await runner.practise()
        else:
            for arm in ARMS:
                if arm in given.arms:
                    await runner.evaluate(arm)
    except (BudgetSpentError, RunStoppedError) as error:
        return str(error)
    return None


async def _without_practice(work: Work, runner: Runner, count: int) -> None:
    if work.plan.held_out:
        await runner.evaluate("without")
    if work.server is None:
        raise BadInputError("--direct writes into a library of the run's own: leave out --server")
    model = _teacher_model(work)
    try:
        store = work.server.app.store
        library = await store.libraries.ensure(work.given.library)
        question = DirectQuestion(library, work.tasks, count)
        step = await write_directly(work.journal, model, work.meter, store, question)
        runner.steps.append(step)
    finally:
        await model.close()
    if work.plan.held_out:
        await runner.evaluate("with")


async def _put_together(
    given: Given, plan: Plan, tasks: tuple[Task, ...], stack: AsyncExitStack
) -> Work:
    judge_meter = Meter(given.max_cost, given.max_tokens)
    judge = MeteredModel(Endpoint(given.teacher_settings), judge_meter)
    stack.push_async_callback(judge.close)
    verifier = make_verifier(_verifier_name(given), judge=judge)
    stack.push_async_callback(verifier.close)
    verifier.check((*plan.tasks, *plan.held_out))
    journal = stack.enter_context(open_journal(given.folder))
    server, client = await _connected(given, judge_meter, stack)
    teacher = None if server else Teacher(judge, judge_meter)
    library = LibraryClient(client, given.library, teacher=teacher, heard=_say)
    if server is not None:
        await _allow(server, given)
    return Work(given, plan, tasks, verifier, journal, judge_meter, library, server)


async def _runner(work: Work, stack: AsyncExitStack) -> Runner:
    given, journal, library = work.given, work.journal, work.library
    await _refuse_overlap(work)
    beginning = begin(
        journal,
        Beginning(
            id=secrets.token_hex(4),
            settings=_settings(given, work.plan),
            known=await library.update_ids(),
        ),
    )
    if given.from_step is not None:
        await begin_anew(journal, given.from_step, partial(_roll_back, work))
    known = [*beginning.known, *learned_updates(journal)]
    work.meter.spent = spent(journal) + await library.spent_since(known)

    def playing(temperature: float | None) -> Playing:
        player = _player(given, given.sampling(temperature))
        stack.push_async_callback(player.close)
        return Playing(
            journal=journal,
            player=player,
            verifier=work.verifier,
            terms=given.terms,
            meter=work.meter,
            library=given.library,
            concurrency=given.player.concurrency,
            seed=given.seed,
            watch=_watch,
        )

    return Runner(
        name=given.folder.resolve().name,
        model=given.player.name,
        plan=work.plan,
        beginning=beginning,
        journal=journal,
        library=library,
        practice=playing(given.temperature),
        trial=playing(given.eval_temperature),
        tell=_say,
    )


async def _connected(
    given: Given, meter: Meter, stack: AsyncExitStack
) -> tuple[ExperienceServer | None, Client]:
    """A client of the server that is named, or of one of the run's own."""
    info = Implementation(name="experience-mcp practice", version="1")
    if given.server is not None:
        try:
            client = await stack.enter_async_context(Client(given.server, client_info=info))
        except (OSError, MCPError, httpx2.HTTPError, BaseExceptionGroup) as error:
            raise BadInputError(
                f"no MCP server answers at {given.server}: {type(error).__name__}. Start it, or "
                "leave out --server to learn in a database of this machine"
            ) from error
        return None, client
    settings = replace(given.teacher_settings, learn_groups=_NEVER, learn_after=float(_NEVER))
    model = MeteredModel(Endpoint(settings), meter)
    stack.push_async_callback(model.close)
    server = build_server(Settings(given.database, given.library, model=settings), model)
    return server, await stack.enter_async_context(Client(server, client_info=info))


async def _allow(server: ExperienceServer, given: Given) -> None:
    """See that the library learns from what this run hands in.

    Raises:
        BadInputError: If it is in use and its policy does not allow it.
    """
    libraries = server.app.store.libraries
    needed = {
        "learn_without_rewards": given.no_ground_truth,
        "learn_from_single_attempts": bool(given.epochs) and given.group_size == 1,
    }
    library = await libraries.ensure(given.library)
    missing = [n for n, need in needed.items() if need and not getattr(library.policy, n)]
    if not missing:
        return
    if library.head or library.size:
        flags = " ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise BadInputError(
            f"library {given.library!r} does not learn from what this run would hand in; change "
            f"that with `experience-mcp describe {given.library} {flags}`, or practise into a new "
            "library"
        )
    await libraries.describe(
        given.library,
        agent_objective=library.agent_objective,
        learning_objective=library.learning_objective,
        policy=replace(library.policy, **dict.fromkeys(missing, True)),
    )


async def _refuse_overlap(work: Work) -> None:
    """Refuse to evaluate a library alone on tasks that it has learned from."""
    if work.given.epochs or work.given.allow_overlap or "with" not in work.given.arms:
        return
    seen = tuple(Task(id=str(n), prompt=t) for n, t in enumerate(await work.library.tasks()))
    if common := overlap(seen, work.plan.held_out):
        raise BadInputError(
            f"the library has learned from {len(common)} of these tasks, the first is "
            f"{common[0][1].id!r}: a gain on them would prove nothing. Leave them out, or insist "
            "with --allow-overlap."
        )


async def _roll_back(work: Work, version: int) -> None:
    """Bring the library back to what it held when a step began."""
    name = work.given.library
    if (await work.library.standing()).version == version:
        return
    if work.server is None:
        raise RunStoppedError(
            f"library {name!r} has moved on from version {version}: run `experience-mcp rollback "
            f"{name} {version}` where its server is, then this command again"
        )
    libraries = work.server.app.store.libraries
    await libraries.roll_back(name, version, author="practice", note="a step is done anew")


def _player(given: Given, sampling: Sampling) -> Player:
    if given.tools is None:
        return Completion(given.player, sampling)
    if find_spec("pydantic_ai") is None:
        raise BadInputError("--tools needs more: pip install 'experience-mcp[practice]'")
    from server.practice.players.agent import ToolAgent  # noqa: PLC0415  # slow to import

    return ToolAgent(given.player, sampling, given.tools)


def _teacher_model(work: Work) -> MeteredModel:
    return MeteredModel(Endpoint(work.given.teacher_settings), work.meter)


def _verifier_name(given: Given) -> str:
    if given.verifier is not None:
        return given.verifier
    if given.data.startswith(f"{GYM}:"):
        return GYM
    raise click.UsageError(
        "say how attempts are scored with --verifier: exact, match, number, math, judge, or "
        "MODULE:FUNCTION"
    )


def _settings(given: Given, plan: Plan) -> dict[str, JsonValue]:
    """All that the figures of a run depend on; not its budgets, nor how fast it goes."""
    practice: dict[str, JsonValue] = {
        "epochs": given.epochs,
        "group_size": given.group_size,
        "batch_size": given.batch_size,
        "temperature": given.temperature,
        "ground_truth_withheld": given.no_ground_truth,
        "written_directly": given.direct,
    }
    evaluation: dict[str, JsonValue] = {"k": given.k, "eval_temperature": given.eval_temperature}
    return {
        "data": given.data,
        "tasks": _digest(plan.tasks),
        "held_out_tasks": _digest(plan.held_out),
        "library": given.library,
        "model": given.player.name,
        "teacher": _name(given.teacher_settings),
        "verifier": _verifier_name(given),
        "seed": given.seed,
        "experience_tokens": given.experience_tokens,
        "answer_tokens": given.answer_tokens,
        "instructions": given.system_message,
        "tools": given.tools.read_text(encoding="utf-8") if given.tools else None,
        **(practice if given.epochs else {}),
        **(evaluation if plan.held_out else {}),
    }


def _name(model: ModelSettings) -> str:
    return model.name


def _digest(tasks: Sequence[Task]) -> str:
    """How many tasks there are, and a mark that changes with them."""
    text = "\n".join(task.model_dump_json() for task in tasks)
    return f"{len(tasks)} ({hashlib.sha256(text.encode()).hexdigest()[:12]})"


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


def _watch(tally: Tally) -> None:
    """Show how far a phase is: in place on a terminal, at its end elsewhere."""
    mean = "" if tally.mean is None else f", mean reward {tally.mean:.3g}"
    unscored = f", {tally.unscored} unscored" if tally.unscored else ""
    line = f"{tally.what}: {tally.done} of {tally.of} attempts{mean}{unscored}"
    last = tally.done == tally.of
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{line}", err=True, nl=last)
    elif last:
        click.echo(line, err=True)


__all__ = ["STOPPED", "ExperienceError", "run"]
