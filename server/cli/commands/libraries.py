"""`libraries`: the list of libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from experience_store.library import Library
from experience_store.store import GroupCounts
from server import APP
from server.cli.database import existing
from server.cli.options import (
    database_option,
    json_option,
)
from server.cli.output import print_json, table


@dataclass(frozen=True, slots=True)
class Listed:
    """A library in the list. `to_review`: updates that wait for a person's word."""

    library: Library
    counts: GroupCounts
    to_review: int


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
