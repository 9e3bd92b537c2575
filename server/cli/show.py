"""`show` and `libraries`: what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from experience_store.catalogue import Catalogue
from experience_store.library import Library, State
from experience_store.store import GroupCounts
from server.cli import APP
from server.cli.opening import existing
from server.cli.options import (
    database_option,
    json_option,
    library_argument,
    max_tokens_option,
    option,
)
from server.cli.printing import count, experiences, faint, fields, print_json, table, title


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a library: a version, or what an agent would get for a task.

    Attributes:
        omitted: Experiences that the task does not need or the budget does not allow.
    """

    library: Library
    state: State
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A library in the list. `to_review`: updates that wait for a person's word."""

    library: Library
    counts: GroupCounts
    to_review: int


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
        shelf = await Catalogue(store).at(library, found.head if version is None else version)
        selection = shelf.select(task, max_tokens)
        chosen = State(library, shelf.state.version, tuple(selection.experiences))
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


@click.command()
@database_option
@json_option
def libraries(*, database: Path, as_json: bool) -> None:
    """List the libraries: what they hold and what waits."""
    found = asyncio.run(_all(database))
    if as_json:
        print_json({"libraries": [_library_json(listed) for listed in found]})
    elif not found:
        click.echo(
            f"There is no library yet. The first `{APP} submit` or the first agent makes one."
        )
    else:
        click.echo(_table(found))


async def _all(database: Path) -> list[Listed]:
    async with existing(database) as store:
        return [
            Listed(
                library,
                await store.groups.counts(library.name),
                len(await store.updates.reviews(library.name)),
            )
            for library in await store.libraries.all()
        ]


def _table(found: Sequence[Listed]) -> str:
    any_set_aside = any(listed.counts.set_aside for listed in found)
    any_to_review = any(listed.to_review for listed in found)
    header = ["library", "experiences", "version", "groups", "signal", "waiting"]
    rows: list[list[str | int]] = []
    for listed in found:
        library, counts = listed.library, listed.counts
        row: list[str | int] = [library.name, library.size, library.head]
        row += [counts.groups, counts.signal, counts.waiting]
        row += [counts.set_aside] if any_set_aside else []
        row += [listed.to_review] if any_to_review else []
        rows.append([*row, library.agent_objective or library.learning_objective or ""])
    header += ["set aside"] if any_set_aside else []
    header += ["to review"] if any_to_review else []
    return table([*header, "for"], rows)


def _library_json(listed: Listed) -> dict[str, object]:
    library = listed.library
    return {
        "name": library.name,
        "experiences": library.size,
        "version": library.head,
        "agent_objective": library.agent_objective,
        "learning_objective": library.learning_objective,
        **asdict(listed.counts),
        "to_review": listed.to_review,
    }
