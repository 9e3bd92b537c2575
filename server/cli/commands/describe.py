"""`describe`: what a library is for, and the policy it learns under."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from experience_store.library import Library, Policy
from server import library_service
from server.cli.database import existing, opened
from server.cli.options import Command, database_option, json_option, library_argument, option
from server.cli.output import fields, print_json, title

_HELP: Mapping[str, str] = {
    "max_words": "Words that an experience may have.",
    "max_experiences": "Experiences that the library may have.",
    "max_lessons": "Changes that one group may propose.",
    "min_spread": "A group has signal when its rewards differ by more than this.",
    "learn_without_rewards": "Compare groups in which nothing is scored, too.",
    "learn_from_single_attempts": "Learn from groups of one attempt, too.",
    "summarise_above": "Tokens from which a model summarises an attempt before it is compared.",
    "review": "Let a person review what was learned before it is published.",
    "allow_links": "Let experiences contain links.",
    "allow_commands": "Let experiences contain shell commands that change a machine.",
}


def _said(value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _policy_options(command: Command) -> Command:
    """An option for each part of a policy, without a default: what is not given stays."""
    for name in reversed(list(_HELP)):
        command = _policy_option(name)(command)
    return command


def _policy_option(name: str) -> Callable[[Command], Command]:
    flag = name.replace("_", "-")
    default = getattr(Policy(), name)
    text = f"{_HELP[name]}  [new libraries: {_said(default)}]"
    if isinstance(default, bool):
        return option(f"--{flag}/--no-{flag}", name, default=None, help=text)
    kind = click.FloatRange(min=0) if isinstance(default, float) else click.IntRange(min=1)
    return option(f"--{flag}", name, metavar="N", type=kind, help=text)


@click.command()
@library_argument
@database_option
@option("--agent-objective", metavar="TEXT", help="What the agent does. Empty clears it.")
@option("--learning-objective", metavar="TEXT", help="What it should get better at.")
@_policy_options
@json_option
def describe(
    *,
    library: str,
    database: Path,
    agent_objective: str | None,
    learning_objective: str | None,
    as_json: bool,
    **policy: float | None,
) -> None:
    """Show or set what a library is for and how it learns.

    What is not given stays as it is; with nothing given, everything is shown. A library that does
    not exist yet is made.
    """
    given = {name: value for name, value in policy.items() if value is not None}
    objectives = (agent_objective, learning_objective)
    if given or any(text is not None for text in objectives):
        found = asyncio.run(_describe(database, library, objectives, given))
    else:
        found = asyncio.run(_get(database, library))
    if as_json:
        print_json(library_service.description(found))
    else:
        click.echo(f"{title(found.name)}\n{fields(_pairs(found))}")


async def _get(database: Path, name: str) -> Library:
    async with existing(database) as store:
        return await store.libraries.get(name)


async def _describe(
    database: Path,
    name: str,
    objectives: tuple[str | None, str | None],
    given: Mapping[str, float],
) -> Library:
    async with opened(database) as store:
        agent, learning = objectives
        return await library_service.describe(
            store, name, agent_objective=agent, learning_objective=learning, policy=given
        )


def _pairs(library: Library) -> list[tuple[str, str]]:
    return [
        ("agent objective", library.agent_objective or "(none)"),
        ("learning objective", library.learning_objective or "(none)"),
        *((name.replace("_", " "), _said(value)) for name, value in asdict(library.policy).items()),
    ]
