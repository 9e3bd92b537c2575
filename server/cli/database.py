"""How commands get at the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from experience_store import open_store
from experience_store.errors import NotFoundError
from experience_store.store import Store


@asynccontextmanager
async def opened(database: Path) -> AsyncGenerator[Store]:
    """The store, made if it is new."""
    store = await open_store(database)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def existing(database: Path) -> AsyncGenerator[Store]:
    """The store for a command that only reads or changes what is there: nothing is made."""
    check_exists(database)
    async with opened(database) as store:
        yield store


def check_exists(database: Path) -> None:
    """Raise NotFoundError if there is no database file."""
    if not database.exists():
        raise NotFoundError(
            f"there is no database {database}: it is made when a host first starts the server, or "
            "by `experience-mcp submit`. Give another one with --database."
        )
