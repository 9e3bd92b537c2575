"""`backup`: a checked copy of the whole database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from experience_store.sqlite.backup import back_up
from server import APP
from server.cli.files import check_replaceable
from server.cli.open_database import check_exists
from server.cli.options import database_option, json_option, option
from server.cli.output import count, print_json


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@database_option
@option("--yes", "-y", is_flag=True, help="Replace an existing file without asking.")
@json_option
def backup(*, file: Path, database: Path, yes: bool, as_json: bool) -> None:
    """Copy the whole database to FILE, while servers use it.

    The copy is of one moment, is checked before it gets its name, and needs no other file. Its
    checksum is written beside it, to FILE.sha256. It holds every attempt: keep it as private as the
    database.
    """
    check_exists(database)
    check_replaceable(file, database, agreed=yes)
    made = back_up(database, file)
    if as_json:
        print_json({**asdict(made), "path": str(made.path)})
        return
    click.echo(
        f"Backed up {database} to {file}: {count(made.libraries, 'library', 'libraries')}, checked."
    )
    click.echo(f"{made.size:,} bytes, SHA-256 {made.sha256}")
    click.echo(f"To put it back: {APP} restore {file}")
