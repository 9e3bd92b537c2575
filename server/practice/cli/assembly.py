"""How a run of `practice` or `evaluate` is put together from what a command was given.

Everything that can be found wrong without a language model is found here, before one is asked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from experience_store.errors import BadInputError
from server.cli.database import check_exists
from server.learning.models.endpoint import Endpoint
from server.practice.cli.library_checks import (
    check_library,
    place_of,
    prepare_policy,
    refuse_overlap,
    roll_back,
)
from server.practice.cli.run_options import RunOptions
from server.practice.cli.run_settings import run_settings
from server.practice.client.connection import Connection, connect, embed
from server.practice.client.library import LibraryClient, Withheld, spent_by_server
from server.practice.client.submission import check_tasks
from server.practice.datasets import load_tasks, split
from server.practice.players import Player, Sampling
from server.practice.players.completion import CompletionPlayer
from server.practice.records import Task
from server.practice.run.accounting import learned_updates, spent
from server.practice.run.group_runner import GroupRunner
from server.practice.run.journal import open_journal
from server.practice.run.learning import LibraryLearning
from server.practice.run.phase import Progress
from server.practice.run.plan import RunPlan
from server.practice.run.run_start import LibraryIdentity, RunStart, restart_from, start_or_resume
from server.practice.run.runner import Runner
from server.practice.run.teacher import BudgetedModel, Teacher
from server.practice.spending import Budget
from server.practice.verifiers import make_verifier


@dataclass(frozen=True, slots=True)
class RunObserver:
    """Who is told what happens.

    Attributes:
        attempts: Told of every attempt.
        held_up: Told what holds up learning.
    """

    attempts: Callable[[Progress], None]
    held_up: Callable[[str], None]


def make_plan(given: RunOptions) -> RunPlan:
    """The tasks and what is done with them.

    Raises:
        BadInputError: If the data cannot be read, cannot show a gain, or would not be taken.
    """
    tasks = load_tasks(
        given.data,
        task_field=given.task_field,
        truth_field=given.truth_field,
        limit=given.limit,
        skip=given.skip,
    )
    held_out: tuple[Task, ...] = ()
    if not given.epochs:
        tasks, held_out = (), tasks
    elif given.eval_data is not None:
        task_field, truth_field = given.eval_fields
        held_out = load_tasks(given.eval_data, task_field=task_field, truth_field=truth_field)
    elif given.hold_out is not None:
        tasks, held_out = split(tasks, given.hold_out, given.seed)
    refuse_overlap(given, "the practice data has", tasks, held_out)
    if not given.direct:  # which hands nothing in
        check_tasks(tasks, given.player.name, ground_truth=not given.no_ground_truth)
    return RunPlan(
        tasks=tasks,
        held_out=held_out,
        epochs=given.epochs,
        group_size=given.group_size,
        batch_size=given.batch_size,
        k=given.k,
        seed=given.seed,
        max_tokens=given.experience_tokens,
        withheld=Withheld(ground_truth=given.no_ground_truth, rewards=given.no_ground_truth),
        direct=given.direct,
    )


async def assemble(
    given: RunOptions, plan: RunPlan, observer: RunObserver, stack: AsyncExitStack
) -> Runner:
    """A run that may begin; what it holds open is closed with the stack.

    Raises:
        BadInputError: If something is wrong that a user can mend.
    """
    budget = Budget(given.max_cost, given.max_tokens)
    settings = given.teacher_settings
    teacher = BudgetedModel(Endpoint(settings), budget, settings.concurrency)
    stack.push_async_callback(teacher.close)
    verifier = make_verifier(
        given.verifier_name, judge=teacher, function_seconds=given.verifier_seconds
    )
    stack.push_async_callback(verifier.close)
    verifier.check(plan.held_out if plan.direct else (*plan.tasks, *plan.held_out))
    players = _players(given)
    for player in players:
        stack.push_async_callback(player.close)
    if given.server is None and not given.epochs and "with" in given.arms:
        check_exists(given.database)
    journal = stack.enter_context(open_journal(given.folder))
    embedded = given.server is None
    library = LibraryClient(await _connect(given, teacher, stack), given.library)
    found = await library.find()
    await check_library(given, plan, library, found)
    identity = LibraryIdentity(journal, given.library, place_of(given))
    updates = await library.updates() if found and found.updates else []
    fresh = RunStart(
        id=secrets.token_hex(4),
        settings=run_settings(given, plan, verifier),
        known=[update.id for update in updates],
    )
    start = start_or_resume(journal, fresh)
    if given.from_step is not None:
        identity.check(found)
        unlearned = found.unlearned if found else 0
        await restart_from(journal, given.from_step, partial(roll_back, library), unlearned)
    known = {*start.known, *learned_updates(journal)}
    budget.spent = spent(journal)
    budget.add_elsewhere(spent_by_server([u for u in updates if u.id not in known]))
    practice, evaluation = (
        GroupRunner(
            journal=journal,
            player=player,
            verifier=verifier,
            terms=given.terms,
            meter=budget,
            library=given.library,
            concurrency=given.player.concurrency,
            seed=given.seed,
            watch=observer.attempts,
            accepted=given.accept_failures,
        )
        for player in players
    )
    runner = Runner(
        name=given.folder.resolve().name,
        model=given.player.name,
        plan=plan,
        start=start,
        journal=journal,
        library=library,
        identity=identity,
        learning=LibraryLearning(
            journal=journal,
            library=library,
            budget=budget,
            teacher=None if embedded else Teacher(teacher),
            own_model=teacher if embedded else None,
            on_held_up=observer.held_up,
        ),
        practice=practice,
        evaluation=evaluation,
        teacher=teacher,
    )
    if runner.is_learning or ("with" in given.arms and not runner.is_evaluated("with")):
        identity.check(found if given.from_step is None else await library.find())
    if runner.is_learning:
        runner.missing_policy = await prepare_policy(given, library, found)
    return runner


async def _connect(given: RunOptions, model: BudgetedModel, stack: AsyncExitStack) -> Connection:
    """A connection to the server that is named, or to one of the run's own."""
    if given.server is not None:
        return await connect(given.server, stack)
    return await embed(given.database, given.teacher_settings, model, stack)


def _players(given: RunOptions) -> tuple[Player, Player]:
    """The player of practice, and that of the evaluation."""
    practice, trial = given.sampling(given.temperature), given.sampling(given.eval_temperature)
    return _player(given, practice), _player(given, trial)


def _player(given: RunOptions, sampling: Sampling) -> Player:
    if given.tools is None:
        return CompletionPlayer(given.player, sampling)
    if find_spec("pydantic_ai") is None:
        raise BadInputError("--tools needs more: pip install 'experience-mcp[practice]'")
    from server.practice.players.agent import AgentPlayer  # noqa: PLC0415  # slow to import

    return AgentPlayer(given.player, sampling, given.tools)
