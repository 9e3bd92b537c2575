"""`delete`: delete a library."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from experience_store.errors import BadInputError
from server import APP, library_service
from server.cli.open_database import existing
from server.cli.options import ENVIRONMENT, database_option, json_option, library_argument, option
from server.cli.output import is_interactive, print_json
from server.library_service import LibraryContents


@click.command()
@library_argument(default=None, show_default=False, envvar=f"{ENVIRONMENT}DELETE_LIBRARY")
@database_option
@option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@json_option
def delete(*, library: str | None, database: Path, yes: bool, as_json: bool) -> None:
    """Delete a library with everything in it.

    Its experiences, history, groups and updates are permanently deleted. The library must be named;
    EXPERIENCE_MCP_LIBRARY is ignored.
    """
    if library is None:
        raise click.UsageError("name the library to delete")
    contents = asyncio.run(_contents(database, library))
    if not yes:
        _confirm(contents)
    asyncio.run(_delete(database, library))
    if as_json:
        print_json(contents.record())
    else:
        click.echo(f"Deleted {library}: {contents}.")


def _confirm(contents: LibraryContents) -> None:
    name = contents.library.name
    if not is_interactive():
        raise BadInputError(f"{name} has {contents}: add --yes to delete it without confirmation")
    click.echo(
        f"{name} has {contents}. This cannot be undone; `{APP} export {name} -o FILE` keeps a copy."
    )
    if click.prompt("Type its name to delete it", default="", show_default=False) != name:
        click.echo("That is not its name: nothing was deleted.")
        raise click.exceptions.Exit(1)


async def _contents(database: Path, library: str) -> LibraryContents:
    async with existing(database) as store:
        return await library_service.contents(store, library)


async def _delete(database: Path, library: str) -> LibraryContents:
    async with existing(database) as store:
        return await library_service.delete(store, library)
