"""The library of a run: whether it is fit for it, and how an older version is brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from experience_store.errors import BadInputError
from server.cli.practice_given import Given
from server.cli.practice_settings import address_of
from server.mcp.server import ExperienceServer
from server.practice.datasets import overlap
from server.practice.errors import RunStoppedError
from server.practice.library_client import LibraryClient
from server.practice.plan import Plan
from server.practice.records import Task


async def check_library(given: Given, plan: Plan, library: LibraryClient) -> None:
    """See that what is evaluated is there, and that it has not learned from what it is tried on."""
    if not given.epochs and "with" in given.arms:
        found = await library.found()
        if found is None or not found.experiences:
            raise BadInputError(
                f"library {given.library!r} has no experiences to evaluate: name another with "
                "--library (`experience-mcp libraries` lists them), or practise first"
            )
    if not given.allow_overlap and plan.held_out and "with" in given.arms:
        seen = tuple(Task(id=str(n), prompt=t) for n, t in enumerate(await library.tasks()))
        refuse_overlap(given, "the library has learned from", seen, plan.held_out)


def refuse_overlap(
    given: Given, who: str, practised: Sequence[Task], held_out: Sequence[Task]
) -> None:
    """Raise BadInputError if it would be measured on what was practised on.

    Args:
        given: It may allow that.
        who: Has practised, as the error's first words.
        practised: The tasks of practice.
        held_out: The tasks to measure on.
    """
    if not given.allow_overlap and (common := overlap(practised, held_out)):
        raise BadInputError(
            f"{who} {len(common)} of the tasks to evaluate on, the first is {common[0][1].id!r}: a "
            "gain on them would prove nothing. Leave them out, or insist with --allow-overlap."
        )


def place_of(given: Given) -> str:
    """Where the library is, for people."""
    where = address_of(given.server)
    return str(given.database.resolve()) if where is None else where


async def allow(server: ExperienceServer, given: Given) -> None:
    """See that the library learns from what this run hands in, step by step.

    Raises:
        BadInputError: If it is in use and its policy does not allow it.
    """
    libraries = server.app.store.libraries
    library = await libraries.ensure(given.library)
    if library.policy.review and not given.direct:
        raise BadInputError(
            f"what library {given.library!r} learns waits for a person's review, so no step could "
            "go on from what the one before has learned. Change that with `experience-mcp describe "
            f"{given.library} --no-review` (and decide on what waits with `experience-mcp review "
            f"{given.library}`), or practise into a new library"
        )
    missing = [name for name in given.needed_of_policy if not getattr(library.policy, name)]
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


async def roll_back(library: LibraryClient, server: ExperienceServer | None, version: int) -> None:
    """Bring the library back to what it held when a step began.

    Raises:
        RunStoppedError: If somebody else has to, where its server is.
    """
    name = library.library
    if await library.holds_what_it_held(version):
        return
    if server is None:
        raise RunStoppedError(
            f"library {name!r} has moved on from version {version}: run `experience-mcp rollback "
            f"{version} --library {name}` where its server is, then this command again"
        )
    libraries = server.app.store.libraries
    await libraries.roll_back(name, version, author="practice", note="a step is done anew")
