"""Files that a command writes."""

from __future__ import annotations

from pathlib import Path

import click

from experience_store.errors import BadInputError
from server.cli.output import is_interactive


def check_replaceable(path: Path, *, agreed: bool) -> None:
    """Ask whether an existing file may be replaced, where somebody can answer; exit if it may not.

    Raises:
        BadInputError: If nobody can answer, or it is a folder.
    """
    if path.is_dir():
        raise BadInputError(f"{path} is a folder: name a file in it")
    if agreed or not path.is_file():  # a pipe or a device is written to
        return
    if not is_interactive():
        raise BadInputError(f"{path} already exists: add --yes to replace it, or name another file")
    if not click.confirm(f"{path} already exists. Replace it?", err=True):
        click.echo("Nothing was written.", err=True)
        raise click.exceptions.Exit(1)
