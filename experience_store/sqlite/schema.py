"""The .sql files of this package: queries by name, migrations by number; and a file's integrity."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from experience_store.errors import StorageError

_PACKAGE = "experience_store.sqlite"


def sql(name: str) -> str:
    """The text of a named query."""
    return _queries()[name]


@cache
def migrations() -> tuple[tuple[str, str], ...]:
    """Name and script of each migration, in order: the first one is number 1."""
    folder = files(_PACKAGE) / "migrations"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple((f.name, f.read_text(encoding="utf-8")) for f in found)


def statements(script: str) -> Sequence[str]:
    """The statements of a script (sqlite3's `executescript` would commit first)."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found


@cache
def _queries() -> dict[str, str]:
    found = (files(_PACKAGE) / name for name in ("queries.sql", "archives.sql"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in found)
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """The state of a database file.

    Attributes:
        schema: Number of the last migration applied to the file; 0 for an empty file.
        known_schema: Number of the last migration of this release.
        damage: Problems found by SQLite's own checks.
    """

    schema: int
    known_schema: int
    damage: tuple[str, ...]


def check_integrity(path: Path) -> IntegrityReport:
    """Check a database file without changing it.

    Raises:
        StorageError: If it cannot be read at all.
    """
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            return IntegrityReport(_schema(connection), len(migrations()), _damage(connection))
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be read: {error}") from error


def check_ownership(path: Path) -> None:
    """Look at a file before anything is written to it; an empty or missing one may be ours.

    Raises:
        StorageError: If it holds something else.
    """
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema")}
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_NOTADB":
            return  # what is in the way is reported when it is opened
        raise StorageError(f"{path} is not a usable database: {error}") from error
    if tables and not tables.issuperset(("migration", "library")):
        raise StorageError(
            f"{path} is a database of another program and was left as it is: "
            "use another file for experience-mcp"
        )


def _schema(connection: sqlite3.Connection) -> int:
    tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'migration'"
    if not connection.execute(tables).fetchone()[0]:
        return 0
    return int(connection.execute(sql("last_migration")).fetchone()[0])


def _damage(connection: sqlite3.Connection) -> tuple[str, ...]:
    found = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({MAX_PROBLEMS})")]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_PROBLEMS)
    lost = [f"row {row[1]} of {row[0]} has no parent row in {row[2]}" for row in orphans]
    return (*(text for text in found if text != "ok"), *lost)
