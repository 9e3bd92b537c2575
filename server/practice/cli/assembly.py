"""Puts a run together from the options of a command.

Whatever can be checked without a language model is checked here, before one is called.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from experience_store.errors import BadInputError
from server.cli.open_database import check_exists
from server.installation import how_to_install
from server.learning.models.client import reach
from server.learning.models.endpoint import Endpoint
from server.practice.cli.run_checks import (
    check_library,
    place_of,
    prepare_policy,
    refuse_overlap,
    roll_back,
    run_settings,
    with_safe_id,
)
from server.practice.cli.run_options import RunOptions
from server.practice.client.connection import ServerConnection, connect, embed
from server.practice.client.library_client import (
    LibraryClient,
    LibraryInfo,
    Withheld,
    spent_by_server,
)
from server.practice.client.submission import check_tasks
from server.practice.datasets import load_tasks, split
from server.practice.players import Player, Sampling
from server.practice.players.completion import CompletionPlayer
from server.practice.records import Task
from server.practice.run.group_runner import GroupRunner
from server.practice.run.journal import Journal, learned_updates, open_journal, spent
from server.practice.run.learning import LibraryLearning
from server.practice.run.phase import PhaseProgress
from server.practice.run.private_files import JOURNAL
from server.practice.run.run_start import LibraryIdentity, RunStart, restart_from, start_or_resume
from server.practice.run.runner import Runner, RunPlan
from server.practice.run.teacher import BudgetedModel, Teacher
from server.practice.spending import Budget
from server.practice.verifiers import Verifier, make_verifier


@dataclass(frozen=True, slots=True)
class RunObserver:
    """Callbacks of a run.

    Attributes:
        attempts: Called after every attempt.
        held_up: Called with the reason when learning is held up.
    """

    attempts: Callable[[PhaseProgress], None]
    held_up: Callable[[str], None]


async def _check_endpoints(options: RunOptions) -> None:
    """Try to reach the endpoints before anything is begun: each attempt would wait for them.

    Raises:
        BadInputError: If one is out of reach.
    """
    models = {model.base_url: model for model in (options.teacher_settings, options.player)}
    for trouble in await asyncio.gather(*map(reach, models.values())):
        if trouble is not None:
            raise BadInputError(f"{trouble}; check --base-url, --teacher-url and the endpoint")


def make_plan(options: RunOptions) -> RunPlan:
    """The tasks and what is done with them.

    Raises:
        BadInputError: If the data cannot be read or show a gain, or the server would refuse it.
    """
    tasks = load_tasks(
        options.data,
        task_field=options.task_field,
        truth_field=options.truth_field,
        limit=options.limit,
        skip=options.skip,
    )
    held_out: tuple[Task, ...] = ()
    if not options.epochs:
        tasks, held_out = (), tasks
    elif options.eval_data is not None:
        task_field, truth_field = options.eval_fields
        held_out = load_tasks(options.eval_data, task_field=task_field, truth_field=truth_field)
    elif options.hold_out is not None:
        tasks, held_out = split(tasks, options.hold_out, options.seed)
    refuse_overlap(options, "the practice data has", tasks, held_out)
    redactor = options.redactor
    tasks, held_out = (
        tuple(with_safe_id(task, redactor) for task in part) for part in (tasks, held_out)
    )
    if not options.direct:  # which submits nothing
        check_tasks(tasks, options.player.name, ground_truth=not options.no_ground_truth)
    return RunPlan(
        tasks=tasks,
        held_out=held_out,
        epochs=options.epochs,
        group_size=options.group_size,
        batch_size=options.batch_size,
        k=options.k,
        seed=options.seed,
        max_tokens=options.experience_tokens,
        withheld=Withheld(ground_truth=options.no_ground_truth, rewards=options.no_ground_truth),
        direct=options.direct,
        arms=options.arms,
    )


@dataclass(frozen=True, slots=True)
class _Models:
    """The models of a run, within one budget.

    Attributes:
        practice: Attempts the tasks of practice.
        evaluation: Attempts the tasks of the evaluation.
    """

    budget: Budget
    teacher: BudgetedModel
    verifier: Verifier
    practice: Player
    evaluation: Player


async def assemble(
    options: RunOptions, plan: RunPlan, observer: RunObserver, stack: AsyncExitStack
) -> Runner:
    """Make a run that is ready to start; what it opens is closed with the stack.

    Raises:
        BadInputError: If the options, the data or the library do not allow it.
    """
    if options.tools is not None:
        await _check_tools(options.tools, options.tools_seconds)
    options.check_key()
    if not (options.folder / JOURNAL).exists():  # else nothing may be left to ask
        await _check_endpoints(options)
    models = _make_models(options, plan, stack)
    journal = stack.enter_context(open_journal(options.folder, options.redactor))
    models.teacher.hold()  # an embedded server resumes an open update at once
    library = LibraryClient(await _connect(options, models.teacher, stack), options.library)
    found = await library.find()
    await check_library(options, plan, library, found)
    identity = LibraryIdentity(journal, options.library, place_of(options))
    runner = Runner(
        name=journal.redactor.text(options.folder.resolve().name),
        model=options.player.name,
        plan=plan,
        start=await _start(options, plan, models, identity, library, found),
        journal=journal,
        library=library,
        identity=identity,
        learning=_learning(options, models, journal, library, observer),
        practice=_group_runner(options, models, models.practice, journal, observer),
        evaluation=_group_runner(options, models, models.evaluation, journal, observer),
        teacher=models.teacher,
    )
    models.teacher.release()
    if runner.is_learning or ("with" in plan.arms and not runner.is_evaluated("with")):
        identity.check(found if options.from_step is None else await library.find())
    if runner.is_learning:
        runner.missing_policy = await prepare_policy(options, library, found)
    return runner


def _make_models(options: RunOptions, plan: RunPlan, stack: AsyncExitStack) -> _Models:
    """The models and the verifier, which can score all tasks of the plan."""
    budget = Budget(options.max_cost, options.max_tokens)
    settings = options.teacher_settings
    teacher = BudgetedModel(Endpoint(settings), budget, settings.concurrency)
    stack.push_async_callback(teacher.close)
    verifier = make_verifier(
        options.verifier_name, judge=teacher, function_seconds=options.verifier_seconds
    )
    stack.push_async_callback(verifier.close)
    verifier.check(plan.held_out if plan.direct else (*plan.tasks, *plan.held_out))
    practice, evaluation = (
        _player(options, options.sampling(temperature))
        for temperature in (options.temperature, options.eval_temperature)
    )
    stack.push_async_callback(practice.close)
    stack.push_async_callback(evaluation.close)
    if options.server is None and not options.epochs and "with" in options.arms:
        check_exists(options.database)
    return _Models(budget, teacher, verifier, practice, evaluation)


async def _start(
    options: RunOptions,
    plan: RunPlan,
    models: _Models,
    identity: LibraryIdentity,
    library: LibraryClient,
    found: LibraryInfo | None,
) -> RunStart:
    """How the run began. What it has spent is put in its budget; steps to redo are set aside."""
    journal = identity.journal
    updates = await library.updates() if found and found.updates else []
    fresh = RunStart(
        id=secrets.token_hex(4),
        settings=run_settings(options, plan, models.verifier),
        known=[update.id for update in updates],
    )
    start = start_or_resume(journal, fresh)
    if options.from_step is not None:
        identity.check(found)
        unlearned = found.unlearned if found else 0
        await restart_from(journal, options.from_step, partial(roll_back, library), unlearned)
    known = {*start.known, *learned_updates(journal)}
    models.budget.spent = spent(journal)
    models.budget.add_elsewhere(spent_by_server([u for u in updates if u.id not in known]))
    return start


def _learning(
    options: RunOptions,
    models: _Models,
    journal: Journal,
    library: LibraryClient,
    observer: RunObserver,
) -> LibraryLearning:
    embedded = options.server is None
    return LibraryLearning(
        journal=journal,
        library=library,
        budget=models.budget,
        teacher=None if embedded else Teacher(models.teacher),
        own_model=models.teacher if embedded else None,
        on_held_up=observer.held_up,
    )


def _group_runner(
    options: RunOptions, models: _Models, player: Player, journal: Journal, observer: RunObserver
) -> GroupRunner:
    return GroupRunner(
        journal=journal,
        player=player,
        verifier=models.verifier,
        attempt_settings=options.attempt_settings,
        budget=models.budget,
        library=options.library,
        concurrency=options.player.concurrency,
        seed=options.seed,
        watch=observer.attempts,
        accepted=options.accept_failures,
    )


async def _connect(
    options: RunOptions, model: BudgetedModel, stack: AsyncExitStack
) -> ServerConnection:
    """A connection to the given server, or to an embedded one."""
    if options.server is not None:
        return await connect(options.server, stack)
    return await embed(options.database, options.teacher_settings, model, stack)


def _player(options: RunOptions, sampling: Sampling) -> Player:
    if options.tools is None:
        return CompletionPlayer(options.player, sampling)
    from server.practice.players.agent import AgentPlayer  # noqa: PLC0415  # slow to import

    return AgentPlayer(options.player, sampling, options.tools, options.tools_seconds)


async def _check_tools(tools: Path, seconds: float) -> None:
    if find_spec("pydantic_ai") is None:
        raise BadInputError(f"--tools needs pydantic-ai: {how_to_install('practice')}")
    from server.practice.players.tool_check import check_tools  # noqa: PLC0415  # slow to import

    await check_tools(tools, seconds)
