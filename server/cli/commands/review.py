"""`review`: learned changes that are awaiting review."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from experience_store.errors import BadInputError, LibraryNotFoundError, NotFoundError
from experience_store.store import Review, UpdateRecord
from experience_store.version import Version
from server import APP, library_service
from server.cli.open_database import existing
from server.cli.options import AUTHOR, database_option, json_option, library_argument, option
from server.cli.output import count, faint, local_time, print_json, render_change, title
from server.library_service import Attribution
from server.rendering import proposed_change, version_changes


@click.command()
@library_argument()
@database_option
@option("--publish", metavar="UPDATE", help="Publish the changes of this update.")
@option("--only", metavar="1,3", help="With --publish: only these changes, by number.")
@option("--reject", metavar="UPDATE", help="Reject all changes of this update.")
@option(
    "--note",
    metavar="TEXT",
    default="",
    help="Reason, kept with the version or the rejected changes.",
)
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
    """Publish or reject learned changes that are awaiting review.

    Without --publish or --reject it shows them. A library with the policy `review` holds every
    change (`describe LIBRARY --review`); others hold an update that would remove more than 30%
    of their experiences.
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
        click.echo(f"{library}: nothing of {record.id} was published. Reason: {record.reason}")
    else:
        click.echo(f"{library}: version {version.number}")
        for line in version_changes(version):
            click.echo(render_change(line))


def _numbers(only: str | None) -> tuple[int, ...] | None:
    if only is None:
        return None
    try:
        return tuple(int(number) for number in only.replace(",", " ").split())
    except ValueError as error:
        raise BadInputError("--only takes the numbers of changes, as in --only 1,3") from error


async def _waiting(database: Path, library: str) -> tuple[Review, ...]:
    async with existing(database) as store:
        return await library_service.reviews(store, library)


async def _decide(
    database: Path, library: str, update: str, chosen: tuple[int, ...] | None, note: str
) -> tuple[UpdateRecord, Version | None]:
    async with existing(database) as store:
        try:
            record = await library_service.review(
                store, library, update, chosen, Attribution(AUTHOR, note)
            )
        except LibraryNotFoundError:
            raise
        except NotFoundError as error:
            hint = f"`{APP} review {library}` lists what is awaiting review"
            raise NotFoundError(f"{error}; {hint}") from error
        if record.version is None:
            return record, None
        return record, await store.libraries.version(library, record.version)


def _show(library: str, waiting: tuple[Review, ...], *, as_json: bool) -> None:
    if as_json:
        print_json({"library": library, "waiting": [_as_json(r) for r in waiting]})
        return
    if not waiting:
        click.echo(f"Nothing is awaiting review in {library}.")
    for item in waiting:
        about = f"{local_time(item.since)}  from {count(item.groups, 'group')}"
        click.echo(f"{title(item.update_id)}  {about}")
        click.echo(faint(f"      {item.reason}"))
        for number, change in enumerate(item.changes, start=1):
            click.echo(render_change(proposed_change(change), f"{number:>4} "))
    if waiting:
        how = f"{APP} review {library} --publish {waiting[0].update_id}"
        click.echo(faint(f"Publish all: {how}; some: --only 1,2; none: --reject instead"))


def _as_json(item: Review) -> dict[str, object]:
    return {
        "update_id": item.update_id,
        "driver": item.driver,
        "groups": item.groups,
        "since": item.since,
        "reason": item.reason,
        "changes": [
            {"number": n, "sign": line.sign, "text": line.text}
            for n, line in enumerate(map(proposed_change, item.changes), start=1)
        ],
    }
