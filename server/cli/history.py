"""`history`, `diff` and `rollback`: the versions of a library."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from experience_store.history import Version
from experience_store.library import State
from server.cli import APP
from server.cli.changes import Difference, version_lines
from server.cli.opening import existing
from server.cli.options import (
    database_option,
    json_option,
    library_argument,
    library_option,
    option,
)
from server.cli.printing import count, faint, print_json, title, when, wrapped

AUTHOR = "cli"


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
        print_json({"library": library, "versions": [_as_json(v) for v in versions]})
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
    lines += [line.styled() for line in version_lines(version)]
    return "\n".join(lines)


def _as_json(version: Version) -> dict[str, object]:
    return {
        "version": version.number,
        "parent": version.parent,
        "author": version.author,
        "note": version.note,
        "created_at": version.created_at,
        "experiences": version.size,
        "update_id": version.update_id,
        "changes": [{"sign": line.sign, "text": line.text} for line in version_lines(version)],
    }


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
    before, after = asyncio.run(_states(database, library, old, new))
    difference = Difference.between(before, after)
    if as_json:
        print_json(
            {
                "library": library,
                "old": before.version,
                "new": after.version,
                "added": [asdict(e) for e in difference.added],
                "removed": [asdict(e) for e in difference.removed],
                "reworded": [
                    {"old": asdict(one), "new": asdict(two)} for one, two in difference.reworded
                ],
            }
        )
        return
    numbers = f"version {before.version} → {after.version}"
    click.echo(f"{title(library)}  {numbers}: {difference.summary()}")
    _print_lines(difference)


async def _states(
    database: Path, library: str, old: int | None, new: int | None
) -> tuple[State, State]:
    async with existing(database) as store:
        head = (await store.libraries.get(library)).head
        newer = head if new is None else new
        older = max(0, newer - 1) if old is None else old
        return (
            await store.libraries.state(library, older),
            await store.libraries.state(library, newer),
        )


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
    after, now = asyncio.run(_states(database, library, version, None))
    difference = Difference.between(now, after)
    if is_person() and not yes and not as_json:
        click.echo(f"{title(library)}  back to version {version}: {difference.summary()}")
        _print_lines(difference)
        if not click.confirm("Go back?"):
            raise click.exceptions.Exit(1)
    made = asyncio.run(_roll_back(database, library, version, note))
    if as_json:
        print_json({"library": library, **_as_json(made)})
    else:
        click.echo(
            f"{library} has version {made.number} now, equal to version {version} "
            f"({difference.summary()})."
        )


async def _roll_back(database: Path, library: str, version: int, note: str) -> Version:
    reason = note or f"rolled back to version {version}"
    async with existing(database) as store:
        return await store.libraries.roll_back(library, version, author=AUTHOR, note=reason)


def is_person() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _print_lines(difference: Difference) -> None:
    lines: Sequence[str] = [line.styled() for line in difference.lines()]
    if lines:
        click.echo("\n".join(lines))
