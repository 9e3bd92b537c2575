"""Opens the database of a command."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from experience_store import open_store
from experience_store.errors import LibraryNotFoundError, NotFoundError
from experience_store.store import Store
from server import APP


@asynccontextmanager
async def opened(database: Path) -> AsyncGenerator[Store]:
    """The store; a missing database is created."""
    store = await open_store(database)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def existing(database: Path) -> AsyncGenerator[Store]:
    """The store of an existing database, for commands that must not create one."""
    check_exists(database)
    async with opened(database) as store:
        yield store


async def missing(store: Store, library: str) -> LibraryNotFoundError | None:
    """The error for a library that does not exist; None if it does."""
    try:
        await store.libraries.get(library)
    except LibraryNotFoundError as error:
        return error
    return None


async def warn_of_near_name(store: Store, library: str) -> None:
    """Say so before a library is created that has nearly the name of another one."""
    if (error := await missing(store, library)) is not None and error.is_near:
        click.echo(f"Warning: {error} A new library is created.", err=True)


def check_exists(database: Path) -> None:
    """Raise NotFoundError if there is no database file."""
    if not database.exists():
        raise NotFoundError(
            f"there is no database {database}: the first start of the server or the first "
            f"`{APP} submit` creates it. To use another one, give --database."
        )
