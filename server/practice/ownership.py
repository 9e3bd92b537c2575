"""Whether a folder is a run's, so that a run never writes over what is somebody else's.

A run's database says so itself, by SQLite's application id. Those of before it did are known by
their schema.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from experience_store.errors import BadInputError

APPLICATION_ID = 0x45585052  # "EXPR"
REPORTS = ("report.html", "report.json")
TABLE = (
    "CREATE TABLE record (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL)"
)
_OTHER = "name another folder with --run"


def check_database(connection: sqlite3.Connection, path: Path) -> None:
    """See that a database is a run's, or empty; it is only read.

    Raises:
        BadInputError: If it is somebody else's, or empty beside reports that no run of it wrote.
    """
    try:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        schema = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        found = [sql for (sql,) in schema]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise BadInputError(f"{path} is no database of a run ({error}): {_OTHER}") from error
    if mark == APPLICATION_ID or (mark == 0 and form == 1 and found == [TABLE]):
        return
    if mark or form or found:
        raise BadInputError(f"{path} is a database of something else than a run: {_OTHER}")
    check_reports(path.parent)


def check_reports(folder: Path) -> None:
    """See that a folder without a run holds no reports, which the run would write over.

    Raises:
        BadInputError: If it does.
    """
    if there := [name for name in REPORTS if (folder / name).exists()]:
        raise BadInputError(
            f"{folder} holds {' and '.join(there)} and no run, and a new run would write over "
            f"that: {_OTHER}, or move it away"
        )
