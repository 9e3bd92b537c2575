"""`delete`: a library erased."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from experience_store.errors import BadInputError
from server import APP, library_service
from server.cli.database import existing
from server.cli.options import database_option, json_option, option
from server.cli.output import is_interactive, print_json
from server.library_service import LibraryContents


@click.command()
@click.argument("library")
@database_option
@option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def delete(*, library: str, database: Path, yes: bool, as_json: bool) -> None:
    """Erase a library with everything in it.

    Its experiences, its history, its groups and what was learned from them are gone for good.
    """
    held = asyncio.run(_holding(database, library))
    if not yes:
        _confirm(held)
    asyncio.run(_delete(database, library))
    if as_json:
        print_json(held.record())
    else:
        click.echo(f"{library} is deleted: {held}.")


def _confirm(held: LibraryContents) -> None:
    name = held.library.name
    if not is_interactive():
        raise BadInputError(f"{name} holds {held}: give --yes to delete it")
    click.echo(
        f"{name} holds {held}. They are gone for good; `{APP} export {name} -o FILE` keeps a copy."
    )
    if click.prompt("Its name, to delete it", default="", show_default=False) != name:
        raise click.exceptions.Exit(1)


async def _holding(database: Path, library: str) -> LibraryContents:
    async with existing(database) as store:
        return await library_service.holding(store, library)


async def _delete(database: Path, library: str) -> LibraryContents:
    async with existing(database) as store:
        return await library_service.delete(store, library)
