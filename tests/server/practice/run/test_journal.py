"""A journal that cannot be written ends the run before more is spent, in words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from experience_store.errors import StorageError
from server.practice.records import Spent
from server.practice.run import journal
from server.practice.run.journal import open_journal
from tests.server.practice.scripted_world import ground, tasks

pytestmark = pytest.mark.usefixtures("no_pages")


def disk_of(pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite find no room for more than so many pages."""
    prepare = journal._prepare  # pyright: ignore[reportPrivateUsage]  # the file is made there

    def little_room(connection: sqlite3.Connection, path: Path) -> None:
        prepare(connection, path)
        connection.execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(journal, "_prepare", little_room)


async def test_a_full_disk_ends_the_run_and_starts_no_more_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground(tmp_path) as here:
        here.data("practice.jsonl", tasks(20))
        with monkeypatch.context() as patch:
            disk_of(12, patch)
            ended = await here.do("practice", "--concurrency", "2", code=1)
        with open_journal(here.run) as opened:
            kept = len(opened.keys("*/rollout"))
        assert 0 < kept <= len(here.attempts) <= kept + 2
        assert "run.db: database or disk is full" in ended.error
        assert "run the same command to continue" in ended.error
        await here.do("practice")
        assert len(here.attempts) <= 60 + 2


def test_every_method_of_the_journal_reports_an_unusable_file(tmp_path: Path) -> None:
    with open_journal(tmp_path) as opened:
        opened._connection.close()  # pyright: ignore[reportPrivateUsage]  # as bad as it gets
        for use in (
            lambda: opened.get("a", Spent),
            lambda: opened.all("*", Spent),
            lambda: opened.keys("*"),
            lambda: opened.put("a", Spent()),
            lambda: opened.move({"a": "b"}),
            lambda: opened.forget("a"),
        ):
            with pytest.raises(StorageError, match=r"run\.db: "):
                use()


def test_an_unusable_journal_is_reported_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "run.db").mkdir()
    with pytest.raises(StorageError, match=r"run\.db: unable to open"), open_journal(tmp_path):
        pass
