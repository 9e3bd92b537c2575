"""The journal of a run: every finished piece of work under its key, and what the run has spent.

A run is a program that can be killed at any point. Each piece of work that costs something (a
rollout, a score, a request of the learner) goes through `once`: if the journal has its record,
that is the result; if not, the work is done and recorded before anything is built on it. Starting
a run again therefore repeats at most what was in progress.

A phase of a run is a step or an arm of the evaluation. What a phase spent that the result does not
hold, because it was broken off or redone, is lost, and counts all the same.

No record holds a secret: each is redacted as it is recorded, and what is built on is what was
recorded. A journal of an earlier release is redacted when it is opened.

It is an SQLite file, locked while a run is at work, so that two processes cannot do one run. The
database says that it is a run's by SQLite's application id, or, if it is older than that, by its
schema; a file of something else is never written to.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from experience_store.errors import BadInputError, StorageError
from server.practice.records import (
    JournalRecord,
    Rollout,
    Score,
    Spent,
    StepLearning,
    TeacherAnswer,
    total,
)
from server.practice.run import private_files
from server.practice.run.redaction import Redactor

FILE = private_files.JOURNAL
START, MARK = "run", "library"  # how the run began, and with which library
_UNREDACTED, _FORM = 1, 2
_PHASE = re.compile(r"/task-|/answers/|/learned$")

R = TypeVar("R", bound=JournalRecord)


def task_key(phase: str, task_id: str) -> str:
    """Where a phase keeps what it does with a task; no id is taken for a part of a key."""
    return f"{phase}/task-{quote(task_id, safe='')}"


def phase_of(key: str) -> str:
    """The phase to which a record belongs."""
    return _PHASE.split(key, maxsplit=1)[0]


class Journal:
    """An open journal; use `open_journal`.

    Every method raises StorageError if the file cannot be read or written.

    Attributes:
        redactor: Takes the secrets out of what is recorded.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, redactor: Redactor) -> None:
        self._connection = connection
        self._path = path
        self.redactor = redactor

    async def once(self, key: str, kind: type[R], work: Callable[[], Awaitable[R]]) -> R:
        """The record under `key`, made by `work` if there is none yet."""
        found = self.get(key, kind)
        return self.put(key, await work()) if found is None else found

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._path.parent

    @property
    def has_work(self) -> bool:
        """Whether the run has done more than ask for experiences: a misspelt model has not."""
        return any(
            key not in {START, MARK} and not key.endswith("/served") for key in self.keys("*")
        )

    def get(self, key: str, kind: type[R]) -> R | None:
        """The record under `key`, if there is one."""
        with self._access() as connection:
            row = connection.execute("SELECT body FROM record WHERE key = ?", (key,)).fetchone()
        return None if row is None else self._read(key, row[0], kind)

    def all(self, like: str, kind: type[R]) -> Iterator[tuple[str, R]]:
        """The records whose keys fit a pattern, in the order in which they were made.

        Args:
            like: A key in which `*` stands for anything.
            kind: The kind of all of them.
        """
        with self._access() as connection:
            rows = connection.execute(
                "SELECT key, body FROM record WHERE key GLOB ? ORDER BY number", (like,)
            ).fetchall()
        return ((key, self._read(key, body, kind)) for key, body in rows)

    def keys(self, like: str) -> list[str]:
        """The keys that fit a pattern, in the order in which they were made."""
        with self._access() as connection:
            rows = connection.execute(
                "SELECT key FROM record WHERE key GLOB ? ORDER BY number", (like,)
            ).fetchall()
        return [key for (key,) in rows]

    def put(self, key: str, record: R, *, instead_of: str | None = None) -> R:
        """Record a piece of work, for good when this returns; what is there already stays.

        Args:
            key: Its name.
            record: The work.
            instead_of: A record that goes at the same time.

        Returns:
            The work as it is recorded: without secrets.
        """
        kept = self.redactor.record(record)
        self._write({key: kept}, () if instead_of is None else (instead_of,))
        return kept

    def put_all(
        self, records: Mapping[str, JournalRecord], *, instead_of: Collection[str] = ()
    ) -> None:
        """Record several pieces of work, all of them or none.

        Args:
            records: The work, by its name.
            instead_of: Records that go at the same time.
        """
        kept = {key: self.redactor.record(record) for key, record in records.items()}
        self._write(kept, instead_of)

    def _write(self, records: Mapping[str, JournalRecord], instead_of: Collection[str]) -> None:
        with self._access() as connection, connection:
            connection.executemany(
                "DELETE FROM record WHERE key = ?", [(key,) for key in instead_of]
            )
            connection.executemany(
                "INSERT INTO record (key, body) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                [(key, record.model_dump_json()) for key, record in records.items()],
            )

    def move(self, keys: Mapping[str, str]) -> None:
        """Put records under other keys, all of them or none."""
        with self._access() as connection, connection:
            connection.executemany(
                "UPDATE record SET key = ? WHERE key = ?", [(to, key) for key, to in keys.items()]
            )

    def forget(self, *keys: str) -> None:
        """Drop records, all of them or none, so that their work is done again."""
        with self._access() as connection, connection:
            connection.executemany("DELETE FROM record WHERE key = ?", [(key,) for key in keys])

    @contextmanager
    def _access(self) -> Generator[sqlite3.Connection]:
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error

    def _read(self, key: str, body: str, kind: type[R]) -> R:
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            raise StorageError(
                f"{self._path}: the record {key!r} is not of a form this version writes; start a "
                "new run with another --run"
            ) from error


@contextmanager
def open_journal(folder: Path, redactor: Redactor | None = None) -> Generator[Journal]:
    """The journal in a folder, made if there is none, and locked until the block ends.

    What is in the folder is readable by its owner only. A new journal goes again, with its folder,
    if the block raises before the run has done anything.

    Args:
        folder: The run's folder.
        redactor: Takes secrets out of what is recorded; by default those that look like one.

    Raises:
        BadInputError: If another process is at work on this run, or the folder is not a run's.
        StorageError: If it cannot be read or written.
    """
    path = folder / FILE
    is_new = not path.exists()
    if is_new:
        check_reports(folder)
    is_own_folder = private_files.make_folder(folder)
    try:
        private_files.create(path)
        connection = sqlite3.connect(path, timeout=1.0)
    except (sqlite3.Error, OSError) as error:
        raise _unusable(path, error) from error
    begun = False
    try:
        _prepare(connection, path)
        _redact_older(connection, redactor or Redactor())
        private_files.make_private(folder)
        journal = Journal(connection, path, redactor or Redactor())
        try:
            yield journal
        except BaseException:
            begun = journal.has_work
            raise
        begun = True
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    finally:
        connection.close()
        if is_new and not begun:
            private_files.remove(folder, journal_only=not is_own_folder)


def _unusable(path: Path, error: sqlite3.Error | OSError) -> StorageError:
    said = error.strerror if isinstance(error, OSError) else error
    return StorageError(
        f"{path}: {said}. What was recorded before is kept: once this is fixed (is the disk "
        "full?), run the same command to continue."
    )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        check_database(connection, path)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            (form,) = connection.execute("PRAGMA user_version").fetchone()
            if form not in {0, _UNREDACTED, _FORM}:
                raise StorageError(f"{path} was written by another version of this program")
            if form == 0:
                connection.execute(TABLE)
                connection.execute(f"PRAGMA user_version = {_FORM}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise BadInputError(
            f"another process is working on the run in {path.parent}: wait for it, or name another "
            "folder with --run"
        ) from error


def _redact_older(connection: sqlite3.Connection, redactor: Redactor) -> None:
    """Redact what an earlier release recorded."""
    if connection.execute("PRAGMA user_version").fetchone() != (_UNREDACTED,):
        return
    with connection:
        for number, body in connection.execute("SELECT number, body FROM record").fetchall():
            value = json.loads(body)
            if (kept := redactor.json(value)) != value:
                text = json.dumps(kept, ensure_ascii=False)
                connection.execute("UPDATE record SET body = ? WHERE number = ?", (text, number))
    connection.execute("VACUUM")  # what was replaced would stay in free pages
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute(f"PRAGMA user_version = {_FORM}")


APPLICATION_ID = 0x45585052  # "EXPR"
TABLE = (
    "CREATE TABLE record (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL)"
)
_OTHER = "name another folder with --run"


def check_database(connection: sqlite3.Connection, path: Path) -> None:
    """Check that a database is a run's, or empty; it is only read.

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
        raise BadInputError(f"{path} is not a database of a run ({error}): {_OTHER}") from error
    if mark == APPLICATION_ID or (mark == 0 and form in {_UNREDACTED, _FORM} and found == [TABLE]):
        return
    if mark or form or found:
        raise BadInputError(f"{path} is a database of something else than a run: {_OTHER}")
    check_reports(path.parent)


def check_reports(folder: Path) -> None:
    """Check that a folder without a run has no reports, which the run would overwrite.

    Raises:
        BadInputError: If it does.
    """
    if there := [name for name in private_files.REPORTS if (folder / name).exists()]:
        raise BadInputError(
            f"{folder} holds {' and '.join(there)} and no run, and a new run would overwrite "
            f"that: {_OTHER}, or move it away"
        )


def spent(journal: Journal, *, but: Collection[str] = ()) -> Spent:
    """All that the run has spent, as far as the journal knows.

    Args:
        journal: The run's journal.
        but: Phases to leave out.
    """
    learned = list(journal.all("*/learned", StepLearning))
    told = {*but, *(phase_of(key) for key, _ in learned)}  # answers are part of the learning
    return total(
        [
            *(r.spent for key, r in journal.all("*/rollout", Rollout) if phase_of(key) not in but),
            *(s.spent for key, s in journal.all("*/score", Score) if phase_of(key) not in but),
            *(done.spent for key, done in learned if phase_of(key) not in but),
            *(
                answer.spent
                for key, answer in journal.all("*/answers/*", TeacherAnswer)
                if phase_of(key) not in told
            ),
            *(lost for _, lost in journal.all("lost/*", Spent)),
        ]
    )


def write_off(journal: Journal, spent: Spent, *, forget: str | None = None) -> str | None:
    """Record spending on work that the result will not hold; returns the key of the record.

    Args:
        journal: The run's journal.
        spent: What was spent.
        forget: The record that held it until now.
    """
    if spent != Spent():
        key = f"lost/{secrets.token_hex(6)}"
        journal.put(key, spent, instead_of=forget)
        return key
    if forget is not None:
        journal.forget(forget)
    return None


def learned_updates(journal: Journal) -> list[str]:
    """The updates that belong to steps of the run."""
    return [update for _, done in journal.all("*/learned", StepLearning) for update in done.updates]
