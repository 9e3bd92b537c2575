"""Whether a database file is sound, found out without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import StorageError
from experience_store.sqlite.sql_files import migrations, sql

MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """What was found.

    Attributes:
        schema: Number of the last migration that the file has; 0 for an empty file.
        known_schema: Number of the last one that this release has.
        damage: What SQLite's own check complains about.
    """

    schema: int
    known_schema: int
    damage: tuple[str, ...]


def check_integrity(path: Path) -> IntegrityReport:
    """Look a database file over.

    Raises:
        StorageError: If it cannot be read at all.
    """
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            return IntegrityReport(_schema(connection), len(migrations()), _damage(connection))
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be read: {error}") from error


def _schema(connection: sqlite3.Connection) -> int:
    tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'migration'"
    if not connection.execute(tables).fetchone()[0]:
        return 0
    return int(connection.execute(sql("last_migration")).fetchone()[0])


def _damage(connection: sqlite3.Connection) -> tuple[str, ...]:
    found = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({MAX_PROBLEMS})")]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_PROBLEMS)
    lost = [f"row {row[1]} of {row[0]} belongs to nothing in {row[2]}" for row in orphans]
    return (*(text for text in found if text != "ok"), *lost)
