"""`history`: the versions of a library and their changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from experience_store.version import Version
from server import APP
from server.cli.number_types import WholeNumber
from server.cli.open_database import existing
from server.cli.options import database_option, json_option, library_argument, option
from server.cli.output import count, faint, local_time, print_json, render_change, title, wrapped
from server.rendering import version_changes, version_record


@click.command()
@library_argument()
@database_option
@option(
    "--limit",
    metavar="N",
    type=WholeNumber(min=1),
    default=20,
    show_default=True,
    help="Maximum versions to show.",
)
@option("--before", metavar="N", type=WholeNumber(min=1), help="Show only versions before N.")
@json_option
def history(*, library: str, database: Path, limit: int, before: int | None, as_json: bool) -> None:
    """Show the changes of a library, version by version.

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
        click.echo(faint(f"\nOlder versions: {older}"))


async def _history(
    database: Path, library: str, before: int | None, limit: int
) -> tuple[Version, ...]:
    async with existing(database) as store:
        return await store.libraries.history(library, before=before, limit=limit)


def _version(version: Version) -> str:
    """A version as a heading with its changes below."""
    about = [local_time(version.created_at), version.author, count(version.size, "experience")]
    lines = [f"{title(f'version {version.number}')}  {'  '.join(about)}"]
    if version.note:
        lines.append(wrapped(version.note, first="  "))
    lines += [render_change(line) for line in version_changes(version)]
    return "\n".join(lines)
