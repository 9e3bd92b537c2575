"""Copies of databases for tests."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def contents(database: Path) -> bytes:
    """The file, with what SQLite has only in its log so far."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.serialize()
