"""Files that a command writes."""

from __future__ import annotations

from pathlib import Path

import click

from experience_store.errors import BadInputError
from server.cli.output import is_interactive


def check_replaceable(path: Path, database: Path, *, agreed: bool) -> None:
    """Ask whether an existing file may be replaced, where somebody can answer; exit if it may not.

    Raises:
        BadInputError: If nobody can answer, it is a folder or the database, or has no folder.
    """
    if path.is_dir():
        raise BadInputError(f"{path} is a folder: name a file in it")
    if not path.parent.exists():
        raise BadInputError(f"the folder {path.parent} does not exist: make it, or name another")
    if path.exists() and path.samefile(database):
        raise BadInputError(f"{path} is the database itself: name another file")
    if agreed or not path.is_file():  # a pipe or a device is written to
        return
    if not is_interactive():
        raise BadInputError(f"{path} already exists: add --yes to replace it, or name another file")
    if not click.confirm(f"{path} already exists. Replace it?", err=True):
        click.echo("Nothing was written.", err=True)
        raise click.exceptions.Exit(1)
