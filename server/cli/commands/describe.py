"""`describe`: the objectives and the policy of a library."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from experience_store.library import Library, Policy
from server import library_service
from server.cli.number_types import Number, WholeNumber
from server.cli.open_database import existing, opened, warn_of_near_name
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import Command, database_option, json_option, library_argument, option
from server.cli.output import definition_list, print_json, title

_HELP: Mapping[str, str] = {
    "max_words": "Maximum words of an experience.",
    "max_experiences": "Maximum experiences in the library.",
    "max_lessons": "Maximum changes learned from one group.",
    "min_spread": "A group has signal if its rewards differ by more than N.",
    "learn_without_rewards": "Also learn from groups without rewards.",
    "learn_from_single_attempts": "Also learn from groups of one attempt.",
    "summarise_above": "Summarise attempts longer than N tokens before they are compared.",
    "review": "Hold learned changes for review before they are published.",
    "allow_links": "Allow links in experiences.",
    "allow_commands": "Allow shell commands that change a machine in experiences.",
}


def _setting(value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _policy_option(name: str) -> Callable[[Command], Command]:
    """The option of a setting, without a default: what is not given stays as it is."""
    flag = name.replace("_", "-")
    default = getattr(Policy(), name)
    text = f"{_HELP[name]}  [new libraries: {_setting(default)}]"
    if isinstance(default, bool):
        return option(f"--{flag}/--no-{flag}", name, default=None, help=text)
    kind = Number(min=0) if isinstance(default, float) else WholeNumber(min=1)
    return option(f"--{flag}", name, metavar="N", type=kind, help=text)


@click.command(cls=SectionedCommand)
@library_argument()
@database_option
@section(
    "Objectives",
    option("--agent-objective", metavar="TEXT", help='What the agent does; "" clears it.'),
    option(
        "--learning-objective", metavar="TEXT", help='What it should get better at; "" clears it.'
    ),
)
@section("Policy", *map(_policy_option, _HELP))
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
    """Show or set the objectives and the policy of a library.

    Without options it shows them. With options it sets those and keeps the others; a new library is
    created.
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
        click.echo(f"{title(found.name)}\n{definition_list(_pairs(found))}")


async def _get(database: Path, name: str) -> Library:
    async with existing(database) as store:
        return await store.libraries.get(name)


async def _describe(
    database: Path, name: str, objectives: tuple[str | None, str | None], given: Mapping[str, float]
) -> Library:
    async with opened(database) as store:
        await warn_of_near_name(store, name)
        agent, learning = objectives
        return await library_service.describe(
            store, name, agent_objective=agent, learning_objective=learning, policy=given
        )


def _pairs(library: Library) -> list[tuple[str, str]]:
    return [
        ("agent objective", library.agent_objective or "(none)"),
        ("learning objective", library.learning_objective or "(none)"),
        *(
            (name.replace("_", " "), _setting(value))
            for name, value in asdict(library.policy).items()
        ),
    ]
