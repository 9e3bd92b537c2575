"""Backups: a whole copy of a database taken while it is in use, and its way back.

A copy of the file alone misses what is still in the log beside it. A backup is made by SQLite's
backup API, page by page from one snapshot, into a file that needs no other beside it. It is checked
before it gets its name, and its checksum is written beside it in the format of `sha256sum`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from experience_store.errors import ConflictError, StorageError
from experience_store.private_folder import make_private_folder
from experience_store.sqlite.schema import check_integrity, check_ownership

_PAGES = 1_000  # copied in one go: other processes wait no longer than for these
_BUSY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Backup:
    """A checked copy of a database.

    Attributes:
        size: Bytes of the file.
        sha256: Its checksum, in hexadecimal.
        schema: Number of the last migration applied to it.
        libraries: How many it holds.
    """

    path: Path
    size: int
    sha256: str
    schema: int
    libraries: int


def back_up(database: Path, to: Path) -> Backup:
    """Copy a database that may be in use; an existing file at `to` is replaced at the end.

    Raises:
        StorageError: If it cannot be read or written, or the copy is damaged; nothing is replaced.
    """
    check_ownership(database)
    with _private_file_beside(to) as copy:
        _copy(database, copy)
        made = _examined(copy, to)
        _put_in_place(copy, to)
    _write_checksum(made)
    return made


def verify(backup: Path) -> Backup:
    """Check a backup: its checksum, if there is one beside it, and its integrity.

    Raises:
        StorageError: If it is damaged, of another program, or cannot be read.
    """
    check_ownership(backup)
    found = _examined(backup, backup)
    expected = _expected_checksum(backup)
    if expected is not None and expected != found.sha256:
        raise StorageError(
            f"{backup} is not the file that was backed up: its SHA-256 is {found.sha256}, and "
            f"{_checksum_file(backup)} says {expected}"
        )
    return found


def restore(backup: Path, database: Path) -> Path | None:
    """Put a checked copy of a backup in place of a database that no process has open.

    Returns:
        Where the database that was there before is now; None if there was none.

    Raises:
        ConflictError: If a process has the database open.
        StorageError: If the backup is damaged, or files cannot be written.
    """
    verify(backup)
    with _private_file_beside(database) as copy:
        _copy(backup, copy)
        _examined(copy, backup)
        if not database.exists():
            _put_in_place(copy, database)
            return None
        with _alone_with(database):
            before = _free_name(database)
            database.rename(before)
            _put_in_place(copy, database)
        return before


def _copy(source: Path, target: Path) -> None:
    """Copy all pages into an empty file, which then needs no log."""
    try:
        with (
            closing(sqlite3.connect(_read_only(source), uri=True, timeout=_BUSY_SECONDS)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            reader.execute("BEGIN")  # one snapshot: writes meanwhile do not start it again
            reader.execute("SELECT 1 FROM sqlite_schema").fetchone()
            reader.backup(writer, pages=_PAGES)
            writer.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StorageError(f"{source} cannot be copied: {error}") from error


def _examined(file: Path, name: Path) -> Backup:
    """What is in a copy; raises StorageError if it is damaged.

    Args:
        file: The copy.
        name: What it is called in errors, and will be called.
    """
    report = check_integrity(file)
    if report.damage:
        raise StorageError(f"{name} is damaged: {'; '.join(report.damage)}")
    if not report.schema:
        raise StorageError(f"{name} is empty: it holds no database of experience-mcp")
    if report.schema > report.known_schema:
        raise StorageError(
            f"{name} has schema {report.schema}, but this release supports only "
            f"{report.known_schema}: upgrade experience-mcp"
        )
    with closing(sqlite3.connect(_read_only(file), uri=True)) as connection:
        (libraries,) = connection.execute("SELECT COUNT(*) FROM library").fetchone()
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Backup(name, file.stat().st_size, digest, report.schema, libraries)


@contextmanager
def _private_file_beside(path: Path) -> Generator[Path]:
    """A new file for its owner only, in the folder of `path`; removed if it is still there."""
    try:
        make_private_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    made = Path(name)
    try:
        yield made
    finally:
        for rest in (made, made.with_name(f"{made.name}-journal")):
            with suppress(OSError):
                rest.unlink()


def _put_in_place(copy: Path, path: Path) -> None:
    """Rename a copy, once all of it is on the disk."""
    try:
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _alone_with(database: Path) -> Generator[None]:
    """Keep other processes out of a database, whose log is now in its file."""
    try:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = DELETE")  # only possible alone
            connection.execute("BEGIN EXCLUSIVE")
            yield
    except sqlite3.OperationalError as error:
        raise ConflictError(
            f"{database} is in use ({error}): stop every server and command that has it open, "
            "hosts included, then restore again"
        ) from error
    except (
        sqlite3.DatabaseError
    ):  # it is damaged, so nobody works with it, and its log goes with it
        yield


def _free_name(database: Path) -> Path:
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return database.with_name(f"{database.name}.before-restore-{at}")


def _checksum_file(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}.sha256")


def _write_checksum(made: Backup) -> None:
    _checksum_file(made.path).write_text(f"{made.sha256}  {made.path.name}\n", encoding="utf-8")


def _expected_checksum(backup: Path) -> str | None:
    try:
        words = _checksum_file(backup).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise StorageError(f"{_checksum_file(backup)} cannot be read: {error}") from error
    return words[0].lower() if words else ""


def _read_only(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro"
