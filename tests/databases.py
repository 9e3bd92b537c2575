"""Copies of databases, and databases that somebody else writes to."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path


def contents(database: Path) -> bytes:
    """The file, with what SQLite has only in its log so far."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.serialize()


@contextmanager
def writing(database: Path) -> Generator[sqlite3.Connection]:
    """Be in the middle of a write, so that others have to wait with theirs."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()
