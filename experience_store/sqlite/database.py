"""One SQLite file: connections, transactions and migrations.

There are two connections, each with its own thread: one reads and one writes, so that a read never
waits for a write of the same process. Between processes, WAL mode and a busy timeout do the same.
Write transactions begin IMMEDIATE: the first statement already holds the write lock. A commit is on
disk before it returns (`synchronous = FULL`).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import aiosqlite

from experience_store.errors import StorageError
from experience_store.private_folder import make_private_folder
from experience_store.sqlite.opened_file import OpenedFile
from experience_store.sqlite.schema import check_ownership, migrations, sql, statements

Value: TypeAlias = str | int | float | None
Row: TypeAlias = sqlite3.Row
Params: TypeAlias = dict[str, Value]
T = TypeVar("T")

BUSY_SECONDS = 10.0
_BUSY = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"})


class DatabaseConnection(aiosqlite.Connection):
    """A connection that runs a whole function in its thread.

    A transaction that returned to the event loop between statements would hold the lock for as long
    as the loop is busy with other tasks.
    """

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work in the connection's thread; it completes even if the caller is cancelled."""
        done: T = await self._execute(work, self._conn)  # pyright: ignore[reportUnknownMemberType]  # it is untyped
        return done


class Database:
    """An open database file."""

    def __init__(
        self,
        path: Path,
        reader: DatabaseConnection,
        writer: DatabaseConnection,
        busy_seconds: float,
    ) -> None:
        self.path = path
        self._file = OpenedFile.at(path)
        self._busy_seconds = busy_seconds
        self._reader = reader
        self._writer = writer
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
        """Open the file, creating it (private to its owner) and migrating it as needed.

        Args:
            path: The file.
            busy_seconds: Maximum time that a write waits for the lock.

        Raises:
            StorageError: If it cannot be opened or was written by a newer release.
        """
        try:
            await asyncio.to_thread(check_ownership, path)
            _make_private(path)
            writer = await _connect(path, busy_seconds)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"cannot open the database {path}: {_reason(error, path)}"
            ) from error
        try:
            await writer.do(migrate)
            reader = await _connect(path, busy_seconds)
        except BaseException as error:
            await writer.close()
            if isinstance(error, sqlite3.Error):
                raise StorageError(f"{path} is not a usable database: {error}") from error
            raise
        return cls(path, reader, writer, busy_seconds)

    async def close(self) -> None:
        """Finish the write in progress and close both connections; idempotent.

        Afterwards everything is in the one file, unless another process has it open.
        """
        if not self._closed:
            self._closed = True
            await asyncio.shield(self._close_in_turn())

    async def _close_in_turn(self) -> None:
        """Closed at once, each may see the other and leave the log to it."""
        try:
            await self._reader.close()
        finally:
            await self._writer.close()

    def check_file(self) -> None:
        """Raise StorageError if the file was deleted or replaced since it was opened."""
        self._file.check()

    async def rows(self, query: str, **params: Value) -> list[Row]:
        """All rows of a named query; raises StorageError."""
        with _readable():
            return list(await self._reader.execute_fetchall(sql(query), params))

    async def row(self, query: str, **params: Value) -> Row | None:
        """The first row of a named query, or None."""
        rows = await self.rows(query, **params)
        return rows[0] if rows else None

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Several reads of one snapshot; raises StorageError."""
        with _readable():
            return await self._reader.do(partial(_in_transaction, "BEGIN", work))

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a write transaction: committed at the end, rolled back on any exception.

        It is also rolled back if the caller is cancelled before the commit begins.

        Raises:
            StorageError: If the database cannot be written; then nothing was stored.
        """
        turn = _Turn(time.monotonic() + self._busy_seconds)
        try:
            return await self._writer.do(partial(_written, work, turn, self._file))
        except asyncio.CancelledError:
            turn.unwanted = True
            raise
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            again = "; try again" if getattr(error, "sqlite_errorname", "") in _BUSY else ""
            raise StorageError(
                f"the database cannot be written now ({error}): nothing was stored{again}"
            ) from error


class Transaction:
    """Named queries inside one transaction, in the thread of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, query: str, **params: Value) -> list[Row]:
        """All rows of a named query."""
        return self._connection.execute(sql(query), params).fetchall()

    def row(self, query: str, **params: Value) -> Row | None:
        """The first row of a named query, or None."""
        rows = self.rows(query, **params)
        return rows[0] if rows else None

    def run(self, query: str, **params: Value) -> int:
        """Run a named statement; return the number of changed rows."""
        return self._connection.execute(sql(query), params).rowcount

    def insert(self, query: str, **params: Value) -> int:
        """Run a named INSERT; return the row's id."""
        row_id = self._connection.execute(sql(query), params).lastrowid
        if row_id is None:
            raise StorageError(f"{query} inserted nothing")
        return row_id

    def run_many(self, query: str, params: Iterable[Params]) -> None:
        """Run a named statement for each set of parameters."""
        self._connection.executemany(sql(query), params)

    def run_script(self, script: str) -> None:
        """Run the statements of a script."""
        for statement in statements(script):
            self._connection.execute(statement)


class _UnwantedError(Exception):
    """The caller of the transaction was cancelled."""


@dataclass(slots=True)
class _Turn:
    """A write that waits for the lock.

    Attributes:
        deadline: When it stops waiting, on the monotonic clock.
        unwanted: Set when its caller was cancelled.
    """

    deadline: float
    unwanted: bool = False

    def check(self) -> None:
        """Raise if the caller was cancelled."""
        if self.unwanted:
            raise _UnwantedError


def _written(
    work: Callable[[Transaction], T], turn: _Turn, file: OpenedFile, connection: sqlite3.Connection
) -> T:
    def checked(tx: Transaction) -> T:
        result = work(tx)
        turn.check()
        file.check()
        return result

    turn.check()
    # time spent waiting for other writes of this process counts too
    left = max(0.0, turn.deadline - time.monotonic())
    connection.execute(f"PRAGMA busy_timeout = {round(left * 1000)}")
    result = _in_transaction("BEGIN IMMEDIATE", checked, connection)
    file.check()  # it may have gone in between
    return result


def _in_transaction(
    begin: str, work: Callable[[Transaction], T], connection: sqlite3.Connection
) -> T:
    connection.execute(begin)  # waits for writes of other processes
    try:
        result = work(Transaction(connection))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return result


@contextmanager
def _readable() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"the database cannot be read now: {error}") from error


def now() -> str:
    """The current time as stored: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def migrate(connection: sqlite3.Connection) -> None:
    """Apply missing migrations, each in one transaction with its record.

    Raises:
        StorageError: If the file was written by a newer release.
    """
    connection.execute(sql("make_migrations"))
    while _in_transaction("BEGIN IMMEDIATE", _migrate_once, connection):
        pass


def _migrate_once(tx: Transaction) -> bool:
    """Apply the next missing migration; return whether there was one."""
    known = migrations()
    last = tx.row("last_migration")
    assert last is not None, "aggregates have one row"
    done = int(last[0])
    if done > len(known):
        raise StorageError(
            f"the database has schema {done}, but this release supports only {len(known)}: "
            "upgrade experience-mcp, or use another database file"
        )
    if done == len(known):
        return False
    name, script = known[done]
    tx.run_script(script)
    tx.run("record_migration", number=done + 1, name=name, now=now())
    return True


async def _connect(path: Path, busy_seconds: float) -> DatabaseConnection:
    def connector() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, timeout=busy_seconds)

    connection = DatabaseConnection(connector, iter_chunk_size=64)
    await connection
    try:
        await connection.do(_set_up)
    except BaseException:
        await connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _reason(error: OSError | sqlite3.Error, path: Path) -> str:
    """Why the file cannot be opened, with the folder's name if it is about that."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if isinstance(error, FileExistsError):
        return f"{error.filename} is not a folder"
    where = "" if str(error.filename) == str(path) else f"{error.filename}: "
    return f"{where}{error.strerror}"


def _make_private(path: Path) -> None:
    """Create the folder and the file for their owner only; existing ones keep their mode."""
    make_private_folder(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
