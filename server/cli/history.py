"""`history`, `diff` and `rollback`: the versions of a library."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from experience_store.history import Version
from server.administration import deeds
from server.administration.changes import Difference, version_lines, version_record
from server.administration.deeds import By
from server.cli import APP, AUTHOR
from server.cli.changes import styled
from server.cli.opening import existing
from server.cli.options import (
    database_option,
    json_option,
    library_argument,
    library_option,
    option,
)
from server.cli.printing import count, faint, print_json, title, when, wrapped


@click.command()
@library_argument
@database_option
@option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many versions.",
)
@option("--before", metavar="N", type=click.IntRange(min=1), help="Only versions before this one.")
@json_option
def history(*, library: str, database: Path, limit: int, before: int | None, as_json: bool) -> None:
    """Show what changed in a library, version by version.

    Newest first: + added, ~ reworded, - retired, = confirmed, ! refused.
    """
    versions = asyncio.run(_history(database, library, before, limit))
    if as_json:
        print_json({"library": library, "versions": [version_record(v) for v in versions]})
        return
    for number, version in enumerate(versions):
        click.echo(("\n" if number else "") + _version(version))
    if versions and versions[-1].number > 0:
        older = f"{APP} history {library} --before {versions[-1].number}"
        click.echo(faint(f"\nOlder ones: {older}"))


async def _history(
    database: Path, library: str, before: int | None, limit: int
) -> tuple[Version, ...]:
    async with existing(database) as store:
        return await store.libraries.history(library, before=before, limit=limit)


def _version(version: Version) -> str:
    """A version as a heading with its changes below."""
    about = [when(version.created_at), version.author, count(version.size, "experience")]
    lines = [f"{title(f'version {version.number}')}  {'  '.join(about)}"]
    if version.note:
        lines.append(wrapped(version.note, first="  "))
    lines += [styled(line) for line in version_lines(version)]
    return "\n".join(lines)


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
    _print_lines(difference)


async def _compare(database: Path, library: str, old: int | None, new: int | None) -> Difference:
    async with existing(database) as store:
        return await deeds.compare(store, library, old, new)


@click.command()
@click.argument("version", type=click.IntRange(min=0))
@library_option
@database_option
@option("--note", metavar="TEXT", default="", help="Why, for the history.")
@option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def rollback(
    *, version: int, library: str, database: Path, note: str, yes: bool, as_json: bool
) -> None:
    """Go back to an older version of a library.

    A new version is made that holds what VERSION held. Nothing is erased, so this can be undone in
    the same way.
    """
    difference = asyncio.run(_undoing(database, library, version))
    if is_person() and not yes and not as_json:
        click.echo(f"{title(library)}  back to version {version}: {difference.summary()}")
        _print_lines(difference)
        if not click.confirm("Go back?"):
            raise click.exceptions.Exit(1)
    made = asyncio.run(_roll_back(database, library, version, note))
    if as_json:
        print_json({"library": library, **version_record(made)})
    else:
        click.echo(
            f"{library} has version {made.number} now, equal to version {version} "
            f"({difference.summary()})."
        )


async def _roll_back(database: Path, library: str, version: int, note: str) -> Version:
    async with existing(database) as store:
        return await deeds.roll_back(store, library, version, By(AUTHOR, note))


async def _undoing(database: Path, library: str, version: int) -> Difference:
    async with existing(database) as store:
        head = (await store.libraries.get(library)).head
        return await deeds.compare(store, library, head, version)


def is_person() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _print_lines(difference: Difference) -> None:
    lines: Sequence[str] = [styled(line) for line in difference.lines()]
    if lines:
        click.echo("\n".join(lines))
