"""What only a database in a file has: an owner, a lock, bytes on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import BadInputError, StorageError
from experience_store.sqlite.store import SqliteStore
from experience_store.store import Store
from tests.builders import attempt, submission
from tests.databases import writing


async def test_the_file_is_readable_by_its_owner_only(missing_database: Path) -> None:
    store = await open_store(missing_database)
    await store.close()

    assert stat.S_IMODE(missing_database.stat().st_mode) == 0o600  # noqa: ASYNC240  # a test waits
    assert store.location == str(missing_database)


async def test_once_closed_everything_is_in_the_one_file(database: Path) -> None:
    for number in range(40):  # about one in forty was not, when both connections closed at once
        store = await open_store(database)
        await store.libraries.ensure(f"lib-{number}")
        await store.close()
        assert [path.name for path in database.parent.iterdir()] == [database.name]


async def test_no_file_ever_holds_a_secret(store: Store, database: Path) -> None:
    secret = "AKIAIOSFODNN7" + "EXAMPLQ"
    await store.groups.submit("lib", submission(attempt(f"the key is {secret}", 1.0)))
    await store.close()

    assert secret.encode() not in b"".join(
        p.read_bytes() for p in database.parent.iterdir() if p.is_file()
    )


async def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database " * 100)

    with pytest.raises(StorageError, match="file is not a database"):
        await open_store(other)


async def test_the_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "mail.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, library TEXT)")
        connection.commit()
    before = other.read_bytes()

    with pytest.raises(StorageError, match="a database of another program"):
        await open_store(other)

    assert other.read_bytes() == before
    assert list(tmp_path.iterdir()) == [other]  # noqa: ASYNC240  # a test waits


@pytest.mark.parametrize("part", ["", "-wal"])
@pytest.mark.parametrize("replaced", [True, False])
async def test_nothing_is_acknowledged_once_the_file_is_gone(
    store: Store, database: Path, part: str, replaced: bool
) -> None:
    await store.libraries.ensure("before")
    file = database.with_name(database.name + part)
    content = file.read_bytes()
    file.rename(database.with_name("elsewhere"))
    if replaced:
        file.write_bytes(content)

    with pytest.raises(StorageError, match="replaced" if replaced else "deleted"):
        await store.libraries.ensure("after")
    with pytest.raises(StorageError, match="started again"):
        await store.change_counter()


async def test_an_unsupported_store_url_is_refused() -> None:
    with pytest.raises(BadInputError, match="unsupported store URL mysql"):
        await open_store("mysql://somewhere/db")


async def test_writes_that_time_out_waiting_for_the_lock_leave_nothing(
    store: Store, database: Path
) -> None:
    impatient = await SqliteStore.open(database, busy_seconds=0.2)
    with writing(database):
        waiting = [impatient.groups.submit("lib", submission(task=f"t{n}")) for n in range(5)]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    await impatient.close()

    assert all(isinstance(e, StorageError) and "try again" in str(e) for e in ended)
    assert await store.libraries.all() == ()
