"""How a run of `practice` or `evaluate` is put together from what a command was given.

Everything that can be found wrong without a language model is found here, before one is asked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

import httpx2
from mcp import Client, MCPError
from mcp_types import Implementation

from experience_store.errors import BadInputError, StorageError
from server.cli.database import check_exists
from server.cli.practice_given import Given
from server.cli.practice_library import allow, check_library, place_of, refuse_overlap, roll_back
from server.cli.practice_server import TOKEN, way_to
from server.cli.practice_settings import settings_of
from server.learning.models.endpoint import Endpoint
from server.mcp.build import build_server
from server.mcp.server import ExperienceServer
from server.practice.accounts import learned_updates, spent
from server.practice.beginning import Beginning, begin, begin_anew
from server.practice.datasets import load_tasks, split
from server.practice.handing_in import check_tasks
from server.practice.journal import open_journal
from server.practice.library_client import LibraryClient, OwnServer, Withheld
from server.practice.phase import Tally
from server.practice.plan import Plan
from server.practice.players import Player, Sampling
from server.practice.players.completion import Completion
from server.practice.playing import Playing
from server.practice.records import Task
from server.practice.run import Runner
from server.practice.same_library import SameLibrary
from server.practice.spending import Meter
from server.practice.teacher import MeteredModel, Teacher
from server.practice.verifiers import Verifier, make_verifier
from server.settings import Settings

_NEVER = 2**31  # the embedded server learns when it is told, not by itself
_INFO = Implementation(name="experience-mcp practice", version="1")


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told what happens.

    Attributes:
        attempts: Told of every attempt.
        trouble: Told what holds up learning.
    """

    attempts: Callable[[Tally], None]
    trouble: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """A run that is put together and may begin.

    Attributes:
        runner: Does it.
        teacher: The model that learns and judges.
        server: The run's own; None for one elsewhere.
    """

    runner: Runner
    teacher: MeteredModel
    server: ExperienceServer | None


def plan_of(given: Given) -> Plan:
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
    return Plan(
        tasks=tasks,
        held_out=held_out,
        epochs=given.epochs,
        group_size=given.group_size,
        batch_size=given.batch_size,
        k=given.k,
        seed=given.seed,
        max_tokens=given.experience_tokens,
        withheld=Withheld(ground_truth=given.no_ground_truth, rewards=given.no_ground_truth),
    )


async def put_together(given: Given, plan: Plan, watching: Watching, stack: AsyncExitStack) -> Work:
    """A run that may begin; what it holds open is closed with the stack.

    Raises:
        BadInputError: If something is wrong that a user can mend.
    """
    meter = Meter(given.max_cost, given.max_tokens)
    settings = given.teacher_settings
    teacher = MeteredModel(Endpoint(settings), meter, settings.concurrency)
    stack.push_async_callback(teacher.close)
    verifier = make_verifier(
        given.verifier_name, judge=teacher, function_seconds=given.verifier_seconds
    )
    stack.push_async_callback(verifier.close)
    verifier.check(plan.held_out if given.direct else (*plan.tasks, *plan.held_out))
    players = _players(given)
    for player in players:
        stack.push_async_callback(player.close)
    if given.server is None and not given.epochs and "with" in given.arms:
        check_exists(given.database)
    journal = stack.enter_context(open_journal(given.folder))
    server, client = await _connected(given, teacher, stack)
    library = LibraryClient(
        client,
        given.library,
        meter=meter,
        teacher=None if server else Teacher(teacher),
        own=OwnServer(teacher, partial(_unusable, server)) if server else None,
        heard=watching.trouble,
    )
    await check_library(given, plan, library)
    same = SameLibrary(journal, library, place_of(given))
    beginning = await _begin(given, plan, same, server, verifier)
    known = [*beginning.known, *learned_updates(journal)]
    meter.spent = spent(journal)
    await library.count(known)
    practice, trial = (
        Playing(
            journal=journal,
            player=player,
            verifier=verifier,
            terms=given.terms,
            meter=meter,
            library=given.library,
            concurrency=given.player.concurrency,
            seed=given.seed,
            watch=watching.attempts,
            accepted=given.accept_failures,
        )
        for player in players
    )
    runner = Runner(
        name=given.folder.resolve().name,
        model=given.player.name,
        plan=plan,
        beginning=beginning,
        journal=journal,
        library=library,
        same=same,
        practice=practice,
        trial=trial,
        policy=given.needed_of_policy if server is None else (),
    )
    steps = 1 if given.direct else len(plan.batches())
    if runner.needs_library(steps, given.arms):
        await same.check()
    if server is not None and runner.needs_library(steps, ()):  # something to learn is left
        await allow(server, given)
    return Work(runner, teacher, server)


def _unusable(server: ExperienceServer) -> StorageError | None:
    """Why the database of the run's own server cannot be used, if its learner met that."""
    worker = server.app.worker
    return None if worker is None else worker.unusable


async def _begin(
    given: Given,
    plan: Plan,
    same: SameLibrary,
    server: ExperienceServer | None,
    verifier: Verifier,
) -> Beginning:
    """How the run began; steps that are to be done anew are set aside."""
    library = same.library
    fresh = Beginning(
        id=secrets.token_hex(4),
        settings=settings_of(given, plan, verifier),
        known=await library.update_ids(),
    )
    beginning = begin(same.journal, fresh)
    if given.from_step is not None:
        await same.check()
        roll_back_to = partial(roll_back, library, server)
        await begin_anew(same.journal, given.from_step, roll_back_to, await library.pending())
    return beginning


async def _connected(
    given: Given, model: MeteredModel, stack: AsyncExitStack
) -> tuple[ExperienceServer | None, Client]:
    """A client of the server that is named, or of one of the run's own."""
    if given.server is not None:
        try:
            way = await way_to(given.server, stack)
            client = await stack.enter_async_context(Client(way, client_info=_INFO))
        except (OSError, MCPError, httpx2.HTTPError, BaseExceptionGroup) as error:
            raise BadInputError(
                f"no MCP server answers at {given.server}: {type(error).__name__}. Start it "
                f"(if it asks for a token, set {TOKEN}), or leave out --server to learn in a "
                "database of this machine"
            ) from error
        return None, client
    settings = replace(given.teacher_settings, learn_groups=_NEVER, learn_after=float(_NEVER))
    server = build_server(Settings(given.database, given.library, model=settings), model)
    return server, await stack.enter_async_context(Client(server, client_info=_INFO))


def _players(given: Given) -> tuple[Player, Player]:
    """The player of practice, and that of the evaluation."""
    practice, trial = given.sampling(given.temperature), given.sampling(given.eval_temperature)
    return _player(given, practice), _player(given, trial)


def _player(given: Given, sampling: Sampling) -> Player:
    if given.tools is None:
        return Completion(given.player, sampling)
    if find_spec("pydantic_ai") is None:
        raise BadInputError("--tools needs more: pip install 'experience-mcp[practice]'")
    from server.practice.players.agent import ToolAgent  # noqa: PLC0415  # slow to import

    return ToolAgent(given.player, sampling, given.tools)
