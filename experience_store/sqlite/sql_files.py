"""The .sql files of this package: queries by name, and migrations by number."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

_PACKAGE = "experience_store.sqlite"


def sql(name: str) -> str:
    """The text of a named query.

    Raises:
        KeyError: If there is no query of that name.
    """
    return _queries()[name]


@cache
def migrations() -> tuple[tuple[str, str], ...]:
    """Name and script of every migration, in order; their numbers run from 1 without gap."""
    folder = files(_PACKAGE) / "migrations"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple((f.name, f.read_text(encoding="utf-8")) for f in found)


def statements(script: str) -> Sequence[str]:
    """The statements of a script (sqlite3's `executescript` would commit before each run)."""
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
