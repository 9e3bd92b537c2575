"""An old database file, brought up to date, is like one that was made today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.errors import StorageError
from experience_store.sqlite.schema import migrations, sql, statements
from experience_store.store import MAX_FAILURES

# One row of each table at least, as the first release wrote them.
LIVED = """
INSERT INTO library (id, name, policy, head, size, next_number, created_at) VALUES
    (1, 'lib', '{"max_words": 32, "max_experiences": 500, "max_operations": 4, "min_spread": 0.5,
     "learn_without_rewards": true, "allow_links": false, "allow_commands": false}', 1, 1, 2, :at),
    (2, 'other', '{"min_spread": 0.0, "learn_without_rewards": false}', 0, 0, 1, :at);
INSERT INTO version (library_id, number, parent, author, note, size, update_id, created_at) VALUES
    (1, 0, NULL, 'experience-mcp', 'made on first use', 0, NULL, :at),
    (1, 1, 0, 'host', 'learned from 1 group', 1, 'update-1', :at),
    (2, 0, NULL, 'experience-mcp', 'made on first use', 0, NULL, :at);
INSERT INTO operation (id, library_id, version, update_id, kind, body, experience, sources, refused)
VALUES
    (1, 1, 1, 'update-1', 'Add', '{"ids": [], "name": "N", "text": "T"}', 1, '["compare-1"]', NULL),
    (2, 1, 1, 'update-1', NULL, 'no operation', NULL, '["compare-1"]', 'it could not be read');
INSERT INTO entry (library_id, number, since, until, name, text, operation_id) VALUES
    (1, 1, 1, NULL, 'N', 'T', 1);
INSERT INTO attempt_group (id, library_id, name, task, attempts, scored, best, worst, revision,
                           learned, failures, failure, created_at, changed_at) VALUES
    (1, 1, 'learned', 'A task', 2, 2, 1.0, 0.0, 2, 2, 0, NULL, :at, :at),
    (2, 1, 'waiting', 'A task', 2, 2, 1.0, 0.0, 2, 0, 0, NULL, :at, :at),
    (3, 1, 'unscored', 'A task', 2, 0, NULL, NULL, 2, 0, 0, NULL, :at, :at),
    (4, 1, 'too close', 'A task', 2, 2, 0.5, 0.25, 2, 0, 0, NULL, :at, :at),
    (5, 1, 'set aside', 'A task', 2, 2, 1.0, 0.0, 2, 0, :failures, 'no JSON', :at, :at),
    (6, 1, 'in an update', 'A task', 2, 2, 1.0, 0.0, 2, 0, 0, NULL, :at, :at),
    (7, 2, 'unscored', 'A task', 2, 0, NULL, NULL, 2, 0, 0, NULL, :at, :at);
INSERT INTO attempt (id, group_id, name, messages, reward, digest, created_at) VALUES
    (1, 1, 'won', '[{"role": "assistant", "content": "a"}]', 1.0, 'd1', :at),
    (2, 1, 'lost', '[{"role": "assistant", "content": "b"}]', 0.0, 'd2', :at);
INSERT INTO experience_group (library_id, number, group_id) VALUES (1, 1, 1);
INSERT INTO learning_update (id, library_id, driver, status, bases, version, created_at, changed_at)
VALUES
    ('update-1', 1, 'host', 'published', '[0]', 1, :at, :at),
    ('update-2', 1, 'host', 'open', '[1]', NULL, :at, :at);
INSERT INTO update_group (update_id, position, group_id, revision, attempts) VALUES
    ('update-1', 1, 1, 2, '[[1, 1.0], [2, 0.0]]'),
    ('update-2', 1, 6, 2, '[]');
INSERT INTO request (update_id, name, prompt, asked_at) VALUES ('update-1', 'compare-1', 'P', :at);
INSERT INTO answer (id, update_id, request, text, created_at) VALUES
    (1, 'update-1', 'compare-1', '{}', :at);
INSERT INTO retrieval (id, library_id, version, task, served, created_at) VALUES
    ('r-1', 1, 1, 'A task', '["G1"]', :at);
"""
MADE_LATER = {
    "token",
    "group_offer",
    "worker_trouble",
}  # by migrations; nothing of them was in older files
SERIALS = 5  # the migration that numbers libraries
AT = "2026-01-02T03:04:05.678+00:00"


def make(path: Path, *, schema: int) -> None:
    """A database file with data in it, as a release with so many migrations left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql("make_migrations"))
        for number, (name, script) in enumerate(migrations()[:schema], start=1):
            for statement in statements(script):
                connection.execute(statement)
            record = {"number": number, "name": name, "now": AT}
            connection.execute(sql("record_migration"), record)
        for statement in statements(LIVED):
            connection.execute(statement, {"at": AT, "failures": MAX_FAILURES})
        if schema >= SERIALS:
            connection.execute("UPDATE library_serial SET last = 2")
        connection.commit()


def schema_of(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()


def data_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every table and view; of the record of migrations all but their times."""
    with closing(sqlite3.connect(path)) as connection:
        found = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
        names = [str(row[0]) for row in connection.execute(found)]
        columns = {"migration": "number, name"}
        return {
            name: sorted(
                connection.execute(f"SELECT {columns.get(name, '*')} FROM {name}"), key=repr
            )
            for name in names
        }


@pytest.mark.parametrize("schema", range(1, len(migrations())))
async def test_an_upgraded_database_equals_a_fresh_one(tmp_path: Path, schema: int) -> None:
    old, fresh = tmp_path / "old.db", tmp_path / "fresh.db"
    make(old, schema=schema)
    make(fresh, schema=len(migrations()))
    assert schema_of(old) != schema_of(fresh)

    await (await open_store(old)).close()

    assert schema_of(old) == schema_of(fresh)
    assert data_of(old) == data_of(fresh)
    assert all(rows for table, rows in data_of(old).items() if table not in MADE_LATER)


async def test_an_upgraded_database_serves_and_knows_the_state_of_its_groups(
    tmp_path: Path,
) -> None:
    make(tmp_path / "old.db", schema=1)

    store = await open_store(tmp_path / "old.db")

    assert [e.id for e in (await store.libraries.state("lib")).experiences] == ["G1"]
    counts = await store.groups.counts("lib")
    assert (counts.groups, counts.signal, counts.learned) == (6, 4, 1)
    assert (counts.waiting, counts.set_aside) == (2, 1)
    assert (await store.groups.counts("other")).waiting == 0
    assert await store.groups.retry_set_aside("lib") == 1
    assert (await store.groups.counts("lib")).waiting == 3
    assert (await store.updates.begin("lib", "host", 8)) is not None
    assert (await store.groups.counts("lib")).waiting == 0
    await store.close()


async def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "new.db", schema=len(migrations()))
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        record = {"number": len(migrations()) + 1, "name": "later", "now": AT}
        connection.execute(sql("record_migration"), record)
        connection.commit()

    with pytest.raises(StorageError, match="upgrade experience-mcp"):
        await open_store(tmp_path / "new.db")
