"""`review`: what was learned and waits for a person's word."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from experience_store.errors import BadInputError
from experience_store.store import Review, UpdateRecord
from experience_store.version import Version
from server import APP, library_service
from server.cli.database import existing
from server.cli.options import AUTHOR, database_option, json_option, library_argument, option
from server.cli.output import count, faint, print_json, styled, title, when
from server.library_service import Attribution
from server.rendering import proposed_change, version_changes


@click.command()
@library_argument
@database_option
@option("--publish", metavar="UPDATE", help="Publish the changes of an update.")
@option("--only", metavar="N,N", help="With --publish: only these changes.")
@option("--reject", metavar="UPDATE", help="Publish nothing of an update.")
@option("--note", metavar="TEXT", default="", help="Why, for the history.")
@json_option
def review(
    *,
    library: str,
    database: Path,
    publish: str | None,
    only: str | None,
    reject: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Publish or reject what was learned and waits for review.

    In a library with the policy `review` (`describe LIBRARY --review`), what an update would change
    waits here. Without --publish or --reject, it is shown.
    """
    update = publish or reject
    if (publish and reject) or (only and not publish):
        raise BadInputError("give --publish UPDATE, with or without --only, or --reject UPDATE")
    if update is None:
        _show(library, asyncio.run(_waiting(database, library)), as_json=as_json)
        return
    chosen = () if reject else _numbers(only)
    record, version = asyncio.run(_decide(database, library, update, chosen, note))
    if as_json:
        print_json({"library": library, "status": record.status, "version": record.version})
    elif version is None:
        click.echo(f"{library}: nothing of {record.id} is published ({record.reason}).")
    else:
        click.echo(f"{library}: version {version.number}")
        for line in version_changes(version):
            click.echo(styled(line))


def _numbers(only: str | None) -> tuple[int, ...] | None:
    if only is None:
        return None
    try:
        return tuple(int(number) for number in only.replace(",", " ").split())
    except ValueError as error:
        raise BadInputError("--only takes numbers of changes, as in --only 1,3") from error


async def _waiting(database: Path, library: str) -> tuple[Review, ...]:
    async with existing(database) as store:
        return await library_service.reviews(store, library)


async def _decide(
    database: Path, library: str, update: str, chosen: tuple[int, ...] | None, note: str
) -> tuple[UpdateRecord, Version | None]:
    async with existing(database) as store:
        record = await library_service.review(
            store, library, update, chosen, Attribution(AUTHOR, note)
        )
        if record.version is None:
            return record, None
        return record, await store.libraries.version(library, record.version)


def _show(library: str, waiting: tuple[Review, ...], *, as_json: bool) -> None:
    if as_json:
        print_json({"library": library, "waiting": [_as_json(r) for r in waiting]})
        return
    if not waiting:
        click.echo(f"Nothing waits for review in {library}.")
    for found in waiting:
        about = f"{when(found.since)}  from {count(found.groups, 'group')}"
        click.echo(f"{title(found.update_id)}  {about}")
        for number, change in enumerate(found.changes, start=1):
            click.echo(styled(proposed_change(change), f"{number:>4} "))
    if waiting:
        how = f"{APP} review {library} --publish {waiting[0].update_id}"
        click.echo(faint(f"To publish all of it: {how}; some of it: --only 1,2; none: --reject"))


def _as_json(found: Review) -> dict[str, object]:
    return {
        "update_id": found.update_id,
        "driver": found.driver,
        "groups": found.groups,
        "since": found.since,
        "changes": [
            {"number": n, "sign": line.sign, "text": line.text}
            for n, line in enumerate(map(proposed_change, found.changes), start=1)
        ],
    }
