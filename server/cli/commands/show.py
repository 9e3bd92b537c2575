"""`show`: the experiences of a library."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from experience_store.index_cache import IndexCache
from experience_store.library import Library, State
from server.cli.database import existing
from server.cli.options import (
    database_option,
    json_option,
    library_argument,
    max_tokens_option,
    option,
)
from server.cli.output import count, experiences, faint, fields, print_json, title


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a library: a version, or what an agent would get for a task.

    Attributes:
        omitted: Experiences that the task does not need or the budget does not allow.
    """

    library: Library
    state: State
    omitted: int = 0


@click.command()
@library_argument
@database_option
@option("--version", metavar="N", type=click.IntRange(min=0), help="An older version.")
@option("--task", metavar="TEXT", help="Show what an agent would get for this task.")
@max_tokens_option
@json_option
def show(
    *,
    library: str,
    database: Path,
    version: int | None,
    task: str | None,
    max_tokens: int,
    as_json: bool,
) -> None:
    """Show the experiences of a library, or those that fit a task."""
    shown = asyncio.run(_find(database, library, version, task, max_tokens))
    if as_json:
        print_json(_as_json(shown))
    else:
        _print(shown)


async def _find(
    database: Path, library: str, version: int | None, task: str | None, max_tokens: int
) -> Shown:
    async with existing(database) as store:
        found = await store.libraries.get(library)
        if task is None:
            return Shown(found, await store.libraries.state(library, version))
        loaded = await IndexCache(store).at(library, found.head if version is None else version)
        selection = loaded.select(task, max_tokens)
        chosen = State(library, loaded.state.version, tuple(selection.experiences))
        return Shown(found, chosen, selection.omitted)


def _print(shown: Shown) -> None:
    library, state = shown.library, shown.state
    size = count(len(state.experiences), "experience")
    left_out = f", {shown.omitted:,} left out" if shown.omitted else ""
    click.echo(f"{title(library.name)}  version {state.version}, {size}{left_out}")
    about = [("Agent", library.agent_objective), ("To learn", library.learning_objective)]
    if known := [(name, text) for name, text in about if text]:
        click.echo(fields(known))
    click.echo()
    click.echo(experiences(state.experiences) or faint("(no experiences)"))


def _as_json(shown: Shown) -> dict[str, object]:
    return {
        "library": shown.library.name,
        "version": shown.state.version,
        "agent_objective": shown.library.agent_objective,
        "learning_objective": shown.library.learning_objective,
        "experiences": [asdict(e) for e in shown.state.experiences],
        "omitted": shown.omitted,
    }
