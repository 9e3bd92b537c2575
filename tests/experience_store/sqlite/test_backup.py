"""Backups: whole, of one moment, checked; and refused where they are not."""

# ruff: noqa: ASYNC240  # a test waits for its files
from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import ConflictError, StorageError
from experience_store.sqlite.backup import back_up, restore, verify
from experience_store.store import Store
from tests.builders import attempt, submission


@pytest.fixture
async def backup(store: Store, database: Path) -> Path:
    """A backup of a database that is open, and closed afterwards."""
    to = database.with_name("backup.db")
    await store.groups.submit("lib", submission(attempt("said " * 9_000, 1.0)))
    await asyncio.to_thread(back_up, database, to)
    await store.close()
    return to


async def names(database: Path) -> list[str]:
    store = await open_store(database)
    try:
        return list(await store.libraries.names("", 99))
    finally:
        await store.close()


async def test_a_backup_is_one_private_file_with_its_checksum(backup: Path) -> None:
    found = verify(backup)

    assert (found.libraries, found.size) == (1, backup.stat().st_size)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert backup.with_name("backup.db.sha256").read_text() == f"{found.sha256}  backup.db\n"
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


async def test_a_restored_database_holds_what_the_backup_does(backup: Path, database: Path) -> None:
    store = await open_store(database)
    await store.libraries.ensure("later")
    await store.close()

    before = restore(backup, database)

    assert await names(database) == ["lib"]
    assert before is not None
    assert await names(before) == ["later", "lib"]
    assert restore(backup, database.with_name("elsewhere.db")) is None


async def test_a_database_in_use_is_not_replaced(backup: Path, database: Path) -> None:
    store = await open_store(database)
    try:
        with pytest.raises(ConflictError, match="stop every server"):
            restore(backup, database)
        await store.libraries.ensure("still-writable")
    finally:
        await store.close()


async def test_a_log_that_was_left_behind_does_not_get_into_what_is_restored(
    backup: Path, database: Path
) -> None:
    log = database.with_name(f"{database.name}-wal")
    store = await open_store(database)
    await store.libraries.ensure("crashed")
    left = log.read_bytes()
    await store.close()
    log.write_bytes(left)

    restore(backup, database)

    assert await names(database) == ["lib"]


@pytest.mark.parametrize("damage", ["changed", "cut", "checksum"])
async def test_a_damaged_backup_replaces_nothing(backup: Path, database: Path, damage: str) -> None:
    content = backup.read_bytes()
    middle = content.index(b"said said")
    if damage == "changed":
        backup.write_bytes(content[:middle] + b"SAID" + content[middle + 4 :])
    elif damage == "cut":
        backup.write_bytes(content[: len(content) // 2])
        backup.with_name("backup.db.sha256").unlink()
    else:
        backup.with_name("backup.db.sha256").write_text("")
    before = database.read_bytes()

    with pytest.raises(StorageError):
        restore(backup, database)

    assert database.read_bytes() == before


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE mail (id INTEGER)", "another program"),
        ("VACUUM", "is empty"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, script: str, reason: str) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute(script)
    with pytest.raises(StorageError, match=reason):
        verify(other)


async def test_a_backup_of_a_newer_release_is_not_restored(backup: Path, database: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute(
            "INSERT INTO migration SELECT 99, name, applied_at FROM migration LIMIT 1"
        )
        connection.commit()
    backup.with_name("backup.db.sha256").unlink()

    with pytest.raises(StorageError, match="upgrade experience-mcp"):
        restore(backup, database)


async def test_a_backup_that_fails_leaves_the_one_before(
    backup: Path, database: Path, tmp_path: Path
) -> None:
    before = backup.read_bytes()
    database.write_bytes(database.read_bytes()[:5_000])

    with pytest.raises(StorageError):
        back_up(database, backup)
    with pytest.raises(StorageError, match="cannot be written"):
        back_up(backup, tmp_path / "backup.db" / "not-a-folder" / "b.db")

    assert backup.read_bytes() == before
    assert [path.name for path in backup.parent.glob(".*")] == []
