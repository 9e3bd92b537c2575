"""`show`: the experiences of a library."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from experience_store.index_cache import IndexCache
from experience_store.library import Library, State
from server.cli.open_database import existing
from server.cli.options import (
    VERSION,
    database_option,
    json_option,
    library_argument,
    max_tokens_option,
    option,
)
from server.cli.output import count, definition_list, experience_list, faint, print_json, title


@dataclass(frozen=True, slots=True)
class LibraryView:
    """A version of a library, or the experiences that an agent would get for a task.

    Attributes:
        omitted: Number of experiences left out as not relevant or over the token budget.
    """

    library: Library
    state: State
    omitted: int = 0


@click.command()
@library_argument()
@database_option
@option("--version", metavar="N", type=VERSION, help="Version to show.  [default: the current one]")
@option(
    "--task", metavar="TEXT", help="Show the experiences that an agent would get for this task."
)
@max_tokens_option("With --task: token budget of the experiences shown.")
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
    view = asyncio.run(_find(database, library, version, task, max_tokens))
    if as_json:
        print_json(_as_json(view))
    else:
        _print(view)


async def _find(
    database: Path, library: str, version: int | None, task: str | None, max_tokens: int
) -> LibraryView:
    async with existing(database) as store:
        found = await store.libraries.get(library)
        if task is None:
            return LibraryView(found, await store.libraries.state(library, version))
        loaded = await IndexCache(store).at(library, found.head if version is None else version)
        selection = loaded.select(task, max_tokens)
        chosen = State(library, loaded.state.version, tuple(selection.experiences))
        return LibraryView(found, chosen, selection.omitted)


def _print(view: LibraryView) -> None:
    library, state = view.library, view.state
    size = count(len(state.experiences), "experience")
    left_out = f", {view.omitted:,} omitted" if view.omitted else ""
    click.echo(f"{title(library.name)}  version {state.version}, {size}{left_out}")
    about = [
        ("Agent objective", library.agent_objective),
        ("Learning objective", library.learning_objective),
    ]
    if known := [(name, text) for name, text in about if text]:
        click.echo(definition_list(known))
    click.echo()
    click.echo(experience_list(state.experiences) or faint("(no experiences)"))


def _as_json(view: LibraryView) -> dict[str, object]:
    return {
        "library": view.library.name,
        "version": view.state.version,
        "agent_objective": view.library.agent_objective,
        "learning_objective": view.library.learning_objective,
        "experiences": [asdict(e) for e in view.state.experiences],
        "omitted": view.omitted,
    }
