"""`diff`: two versions of a library compared."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from server import library_service
from server.cli.database import existing
from server.cli.options import (
    database_option,
    json_option,
    library_option,
)
from server.cli.output import print_changes, print_json, title
from server.rendering import Difference


@click.command()
@click.argument("old", type=click.IntRange(min=0), required=False)
@click.argument("new", type=click.IntRange(min=0), required=False)
@library_option
@database_option
@json_option
def diff(*, old: int | None, new: int | None, library: str, database: Path, as_json: bool) -> None:
    """Compare two versions of a library.

    Without NEW the current version is compared; without OLD too, with the one before it.
    """
    difference = asyncio.run(_compare(database, library, old, new))
    if as_json:
        print_json(difference.record(library))
        return
    numbers = f"version {difference.old} → {difference.new}"
    click.echo(f"{title(library)}  {numbers}: {difference.summary()}")
    print_changes(difference)


async def _compare(database: Path, library: str, old: int | None, new: int | None) -> Difference:
    async with existing(database) as store:
        return await library_service.compare(store, library, old, new)
