"""`diff`: compare two versions of a library."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from server import library_service
from server.cli.open_database import existing
from server.cli.options import VERSION, database_option, json_option, leading_library
from server.cli.output import print_changes, print_json, title
from server.rendering import Difference


def _starts_with_library(arguments: tuple[str, ...]) -> bool:
    return len(arguments) == 3 or not arguments[0].isdecimal()  # noqa: PLR2004  # LIBRARY OLD NEW


@click.command()
@click.argument("versions", nargs=-1, metavar="[LIBRARY] [OLD] [NEW]")
@leading_library("versions", _starts_with_library)
@database_option
@json_option
def diff(*, versions: tuple[str, ...], library: str, database: Path, as_json: bool) -> None:
    """Compare two versions of a library.

    OLD is compared with NEW, or with the current version. Without OLD, the current version is
    compared with the one before it. One or two numbers are versions: give a library whose name is a
    number with -l.
    """
    if len(versions) > 2:  # noqa: PLR2004  # OLD and NEW
        raise click.UsageError(f"Got unexpected extra argument ({versions[-1]})")
    old, new, *_ = [*map(VERSION, versions), None, None]
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
