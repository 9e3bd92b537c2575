"""`restore`: put a backup in place of the database."""

from __future__ import annotations

from pathlib import Path

import click

from experience_store.errors import BadInputError, NotFoundError
from experience_store.sqlite.backup import restore as put_back
from experience_store.sqlite.backup import verify
from server.cli.options import database_option, json_option, option
from server.cli.output import count, is_interactive, print_json


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@database_option
@option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@json_option
def restore(*, file: Path, database: Path, yes: bool, as_json: bool) -> None:
    """Put the backup FILE in place of the database, which no server may have open.

    The backup is checked first: its checksum, if FILE.sha256 is beside it, and its integrity. The
    database that was there is kept beside it under another name.
    """
    if not file.is_file():
        raise NotFoundError(f"there is no backup {file}")
    found = verify(file)
    if database.exists() and not yes:
        _confirm(database, f"{file} holds {count(found.libraries, 'library', 'libraries')}")
    before = put_back(file, database)
    if as_json:
        kept = None if before is None else str(before)
        print_json({"database": str(database), "libraries": found.libraries, "before": kept})
        return
    click.echo(
        f"Restored {database} from {file}: {count(found.libraries, 'library', 'libraries')}."
    )
    if before is not None:
        click.echo(f"What was there before is in {before}.")


def _confirm(database: Path, contents: str) -> None:
    if not is_interactive():
        raise BadInputError(f"{database} exists: add --yes to put the backup in its place")
    if not click.confirm(f"{contents}. Put it in place of {database}?"):
        click.echo("Nothing was restored.")
        raise click.exceptions.Exit(1)
