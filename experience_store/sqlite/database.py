"""One SQLite file: connections, transactions, migrations and the queries by name.

Two connections: one reads, one writes, so that a read never waits for a write of the same
process; other processes are kept apart by WAL mode and a busy timeout. Write transactions begin
IMMEDIATE, so two of them can never both believe to be first. A commit is on disk before it
returns (`synchronous = FULL`).
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import aiosqlite

from experience_store.errors import StorageError

Value: TypeAlias = str | int | float | None
Row: TypeAlias = sqlite3.Row
Params: TypeAlias = dict[str, Value]

BUSY_SECONDS = 10.0
_PACKAGE = "experience_store.sqlite"


class Database:
    """An open database file. Make it with `Database.open`, end it with `close`."""

    def __init__(
        self, path: Path, reader: aiosqlite.Connection, writer: aiosqlite.Connection
    ) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open the file, making it (for its owner only) and bringing its schema up to date.

        Raises:
            StorageError: If it cannot be opened or was written by a newer release.
        """
        try:
            _make_private(path)
            writer = await _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"cannot open the database {path}: {error}") from error
        try:
            await migrate(writer)
            reader = await _connect(path)
        except BaseException as error:
            await writer.close()
            if isinstance(error, sqlite3.Error):
                raise StorageError(f"{path} is no usable database: {error}") from error
            raise
        return cls(path, reader, writer)

    async def close(self) -> None:
        """Finish the write that is under way and close both connections. Twice is once."""
        async with self._turn:
            if not self._closed:
                self._closed = True
                await self._reader.close()
                await self._writer.close()

    async def rows(self, query: str, **params: Value) -> list[Row]:
        """All rows of a named query, read outside any transaction."""
        return list(await self._reader.execute_fetchall(sql(query), params))

    async def row(self, query: str, **params: Value) -> Row | None:
        """The first row of a named query, or None."""
        rows = await self.rows(query, **params)
        return rows[0] if rows else None

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Transaction]:
        """Several reads of one moment. They use the writing connection, so keep them short."""
        async with self._turn:
            try:
                await self._writer.execute("BEGIN")
                yield Transaction(self._writer)
            finally:
                await _shielded(self._writer.rollback())

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """A write transaction: committed at the end, rolled back on any exception."""
        async with self._turn:
            try:
                await self._writer.execute("BEGIN IMMEDIATE")
                yield Transaction(self._writer)
                await _shielded(self._writer.commit())
            except sqlite3.OperationalError as error:
                await _shielded(self._writer.rollback())
                raise StorageError(
                    f"the database cannot be written now ({error}): nothing was stored, try again"
                ) from error
            except BaseException:
                await _shielded(self._writer.rollback())
                raise


class Transaction:
    """Named queries inside one transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, query: str, **params: Value) -> list[Row]:
        """All rows of a named query."""
        return list(await self._connection.execute_fetchall(sql(query), params))

    async def row(self, query: str, **params: Value) -> Row | None:
        """The first row of a named query, or None."""
        rows = await self.rows(query, **params)
        return rows[0] if rows else None

    async def run(self, query: str, **params: Value) -> int:
        """Run a named statement; how many rows it changed."""
        cursor = await self._connection.execute(sql(query), params)
        return cursor.rowcount

    async def insert(self, query: str, **params: Value) -> int:
        """Run a named INSERT; the row's id."""
        cursor = await self._connection.execute(sql(query), params)
        if cursor.lastrowid is None:
            raise StorageError(f"{query} inserted nothing")
        return cursor.lastrowid

    async def run_many(self, query: str, params: Iterable[Params]) -> None:
        """Run a named statement once for each set of parameters."""
        await self._connection.executemany(sql(query), list(params))


def now() -> str:
    """The time, as it is stored: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def sql(name: str) -> str:
    """The text of a named query.

    Raises:
        KeyError: If there is no query of that name.
    """
    return _queries()[name]


async def migrate(connection: aiosqlite.Connection) -> None:
    """Apply the migrations that the file lacks, each with its record in one transaction.

    Raises:
        StorageError: If the file was written by a newer release.
    """
    await connection.execute(sql("make_migrations"))
    known = migrations()
    while True:
        await connection.execute("BEGIN IMMEDIATE")
        try:
            rows = list(await connection.execute_fetchall(sql("last_migration")))
            done = int(rows[0][0])
            if done > len(known):
                raise StorageError(
                    f"the database has schema {done}, this release knows {len(known)}: "
                    "upgrade experience-mcp, or use another database file"
                )
            if done == len(known):
                return
            name, script = known[done]
            for statement in statements(script):
                await connection.execute(statement)
            record = {"number": done + 1, "name": name, "now": now()}
            await connection.execute(sql("record_migration"), record)
            await connection.commit()
        finally:
            await connection.rollback()


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
    found = (files(_PACKAGE) / name for name in ("queries.sql", "transfer.sql"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in found)
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            await connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Make the folder and the file readable by their owner only; what exists stays as it is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


async def _shielded(step: Coroutine[object, object, object]) -> None:
    """Let a step of a transaction end even when the task is cancelled meanwhile."""
    await asyncio.shield(asyncio.ensure_future(step))
