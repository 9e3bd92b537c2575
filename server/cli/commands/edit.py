"""`edit`: change experiences by hand. An invalid change is refused with the reason."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from experience_store.errors import BadInputError
from experience_store.operations import normalise_id
from experience_store.version import Version
from server import library_service
from server.cli.open_database import existing, opened, warn_of_near_name
from server.cli.options import (
    AUTHOR,
    Command,
    database_option,
    json_option,
    leading_library,
    library_argument,
    option,
)
from server.cli.output import print_json, render_change
from server.library_service import Attribution
from server.rendering import version_changes


@click.group()
def edit() -> None:
    """Add, revise or retire experiences by hand.

    Each command makes one new version, by the author `cli`.
    """


def _edit_options(command: Command) -> Command:
    """Add the options that all of them have."""
    note = option("--note", metavar="TEXT", default="", help="Reason, for the history.")
    return database_option(note(json_option(command)))


@edit.command()
@library_argument(before_required=True)
@click.argument("text")
@option("--name", metavar="TEXT", default="", help="Short name of the experience.")
@_edit_options
def add(*, text: str, name: str, library: str, database: Path, note: str, as_json: bool) -> None:
    """Add an experience, best in the form "When …, do …".

    A library that does not exist is created.
    """

    async def run() -> Version:
        async with opened(database) as store:
            if text in await store.libraries.names(text, 1):
                raise BadInputError(
                    f"{text!r} is the name of a library: give the text of the experience too"
                )
            await warn_of_near_name(store, library)
            return await library_service.add(store, library, text, name, Attribution(AUTHOR, note))

    _print(library, asyncio.run(run()), as_json=as_json)


@edit.command()
@library_argument(before_required=True)
@click.argument("experience", metavar="ID")
@click.argument("text")
@option("--name", metavar="TEXT", help="New name of the experience.  [default: unchanged]")
@_edit_options
def revise(
    *,
    experience: str,
    text: str,
    name: str | None,
    library: str,
    database: Path,
    note: str,
    as_json: bool,
) -> None:
    """Change the text of an experience, and its name if given."""

    async def run() -> Version:
        async with existing(database) as store:
            return await library_service.revise(
                store, library, experience, text, name, Attribution(AUTHOR, note)
            )

    _print(library, asyncio.run(run()), as_json=as_json)


@edit.command()
@click.argument("ids", metavar="[LIBRARY] ID...", nargs=-1, required=True)
@leading_library("ids", lambda ids: normalise_id(ids[0]) is None)
@_edit_options
def retire(*, ids: tuple[str, ...], library: str, database: Path, note: str, as_json: bool) -> None:
    """Remove experiences from the library; their history stays.

    The first argument is the LIBRARY unless it is an id, such as G3.
    """

    async def run() -> Version:
        async with existing(database) as store:
            return await library_service.retire(store, library, ids, Attribution(AUTHOR, note))

    _print(library, asyncio.run(run()), as_json=as_json)


def _print(library: str, version: Version, *, as_json: bool) -> None:
    if as_json:
        changed = [asdict(a.experience) for a in version.operations if a.experience]
        print_json({"library": library, "version": version.number, "experiences": changed})
        return
    click.echo(f"{library}: version {version.number}")
    for line in version_changes(version):
        click.echo(render_change(line))
