"""`rollback`: restore an older version, as a new version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from experience_store.version import Version
from server import library_service
from server.cli.open_database import existing
from server.cli.options import (
    AUTHOR,
    VERSION,
    database_option,
    json_option,
    library_argument,
    option,
)
from server.cli.output import is_interactive, print_changes, print_json, title
from server.library_service import Attribution
from server.rendering import Difference, version_record


@click.command()
@library_argument(before_required=True)
@click.argument("version", type=VERSION)
@database_option
@option("--note", metavar="TEXT", default="", help="Reason, for the history.")
@option(
    "--yes",
    "-y",
    is_flag=True,
    help="Do not ask for confirmation; without a terminal it never asks.",
)
@json_option
def rollback(
    *, version: int, library: str, database: Path, note: str, yes: bool, as_json: bool
) -> None:
    """Restore an older version of a library, as a new version.

    The new version has the experiences of VERSION. Nothing is deleted, so a rollback can itself be
    rolled back.
    """
    difference = asyncio.run(_preview(database, library, version))
    if is_interactive() and not yes and not as_json:
        click.echo(f"{title(library)}  rollback to version {version}: {difference.summary()}")
        print_changes(difference)
        if not click.confirm("Roll back?"):
            click.echo("Not rolled back.")
            raise click.exceptions.Exit(1)
    made = asyncio.run(_roll_back(database, library, version, note))
    if as_json:
        print_json({"library": library, **version_record(made)})
    else:
        click.echo(
            f"{library} is now at version {made.number}, equal to version {version} "
            f"({difference.summary()})."
        )


async def _roll_back(database: Path, library: str, version: int, note: str) -> Version:
    async with existing(database) as store:
        return await library_service.roll_back(store, library, version, Attribution(AUTHOR, note))


async def _preview(database: Path, library: str, version: int) -> Difference:
    async with existing(database) as store:
        head = (await store.libraries.get(library)).head
        return await library_service.compare(store, library, head, version)
