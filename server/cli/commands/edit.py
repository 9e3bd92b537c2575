"""`edit`: experiences by hand. What breaks a rule is refused with the reason."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from experience_store.version import Version
from server import library_service
from server.cli.database import existing, opened
from server.cli.options import AUTHOR, Command, database_option, json_option, library_option, option
from server.cli.output import print_json, styled
from server.library_service import Attribution
from server.rendering import version_changes


@click.group()
def edit() -> None:
    """Change experiences by hand.

    Each call makes one version, with `cli` as its author.
    """


def _editing(command: Command) -> Command:
    """What all of them take: the library, the database, a note and how to print."""
    for add in (
        json_option,
        option("--note", metavar="TEXT", default="", help="Why, for the history."),
        database_option,
        library_option,
    ):
        command = add(command)
    return command


@edit.command()
@click.argument("text")
@option("--name", metavar="TEXT", default="", help="A short name for it.")
@_editing
def add(*, text: str, name: str, library: str, database: Path, note: str, as_json: bool) -> None:
    """Add an experience, best in the form "When …, do …". A new library is made."""

    async def run() -> Version:
        async with opened(database) as store:
            return await library_service.add(store, library, text, name, Attribution(AUTHOR, note))

    _print(library, asyncio.run(run()), as_json=as_json)


@edit.command()
@click.argument("experience", metavar="ID")
@click.argument("text")
@option("--name", metavar="TEXT", help="Another name; without it the name stays.")
@_editing
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
    """Say the experience ID in other words."""

    async def run() -> Version:
        async with existing(database) as store:
            return await library_service.revise(
                store, library, experience, text, name, Attribution(AUTHOR, note)
            )

    _print(library, asyncio.run(run()), as_json=as_json)


@edit.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_editing
def retire(*, ids: tuple[str, ...], library: str, database: Path, note: str, as_json: bool) -> None:
    """Take experiences out of the library. Their history stays."""

    async def run() -> Version:
        async with existing(database) as store:
            return await library_service.retire(store, library, ids, Attribution(AUTHOR, note))

    _print(library, asyncio.run(run()), as_json=as_json)


def _print(library: str, version: Version, *, as_json: bool) -> None:
    if as_json:
        made = [asdict(a.experience) for a in version.operations if a.experience]
        print_json({"library": library, "version": version.number, "experiences": made})
        return
    click.echo(f"{library}: version {version.number}")
    for line in version_changes(version):
        click.echo(styled(line))
