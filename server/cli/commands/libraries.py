"""`libraries`: list the libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from experience_store.library import Library
from experience_store.store import GroupCounts, Trouble
from server import APP
from server.cli.open_database import existing
from server.cli.options import database_option, json_option
from server.cli.output import print_json, table, wrapped
from server.text import standstill


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A library in the list.

    Attributes:
        to_review: Number of updates that wait for review.
    """

    library: Library
    counts: GroupCounts
    to_review: int


@click.command()
@database_option
@json_option
def libraries(*, database: Path, as_json: bool) -> None:
    """List the libraries, their size and what is waiting.

    A group, the attempts at one task, has signal if their rewards differ. Waiting are the groups
    that can be learned from and have not been yet.
    """
    found, troubles = asyncio.run(_all(database))
    if as_json:
        held_up = [asdict(trouble) for trouble in troubles]
        print_json({"libraries": [_as_json(row) for row in found], "held_up": held_up})
    elif not found:
        click.echo(f"There are no libraries yet. `{APP} submit` or the first agent creates one.")
    else:
        click.echo(_table(found))
        for trouble in troubles:
            click.echo(wrapped(standstill(trouble)))


async def _all(database: Path) -> tuple[list[LibraryRow], tuple[Trouble, ...]]:
    async with existing(database) as store:
        rows = [
            LibraryRow(
                library,
                await store.groups.counts(library.name),
                len(await store.updates.reviews(library.name)),
            )
            for library in await store.libraries.all()
        ]
        return rows, await store.workers.troubles()


def _table(found: Sequence[LibraryRow]) -> str:
    any_learning = any(row.counts.learning for row in found)
    any_set_aside = any(row.counts.set_aside for row in found)
    any_to_review = any(row.to_review for row in found)
    header = ["library", "experiences", "version", "groups", "signal", "waiting"]
    header += ["learning"] if any_learning else []
    header += ["set aside"] if any_set_aside else []
    header += ["to review"] if any_to_review else []
    rows: list[list[str | int]] = []
    for row in found:
        library, counts = row.library, row.counts
        cells: list[str | int] = [library.name, library.size, library.head]
        cells += [counts.groups, counts.signal, counts.pending]
        cells += [counts.learning] if any_learning else []
        cells += [counts.set_aside] if any_set_aside else []
        cells += [row.to_review] if any_to_review else []
        rows.append([*cells, library.agent_objective or library.learning_objective or ""])
    return table([*header, "objective"], rows)


def _as_json(row: LibraryRow) -> dict[str, object]:
    library = row.library
    return {
        "name": library.name,
        "experiences": library.size,
        "version": library.head,
        "agent_objective": library.agent_objective,
        "learning_objective": library.learning_objective,
        **asdict(row.counts),
        "waiting": row.counts.pending,
        "to_review": row.to_review,
    }
