"""A run does not write over what is not a run's, and knows its own of older releases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from server.practice.run.journal import APPLICATION_ID
from tests.server.practice.scripted_world import ground

pytestmark = pytest.mark.usefixtures("no_pages")


def database(*statements: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "run.db")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return make


def file(name: str, text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).write_text(text)

    return make


RECORD = "CREATE TABLE record (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT"
OTHERS_RECORD = f"{RECORD})", "INSERT INTO record (key, body) VALUES ('mine', 'precious')"


@pytest.mark.parametrize(
    ("makes", "said"),
    [
        ([file("report.html", "MY THESIS")], "holds report.html and no run"),
        ([file("report.json", "{}"), file("run.db", "")], "holds report.json and no run"),
        (
            [file("run.db", "no database at all, and long enough" * 99)],
            "is not a database of a run",
        ),
        ([database(*OTHERS_RECORD)], "is a database of something else than a run"),
        ([database(f"{RECORD} NOT NULL)")], "is a database of something else than a run"),
        (
            [database(f"{RECORD} NOT NULL)", "CREATE TABLE t (a)", "PRAGMA user_version = 1")],
            "is a database of something else than a run",
        ),
        ([database("PRAGMA application_id = 7")], "is a database of something else than a run"),
    ],
)
async def test_a_folder_with_other_data_is_refused_and_unchanged(
    tmp_path: Path, makes: list[Callable[[Path], None]], said: str
) -> None:
    async with ground(tmp_path) as here:
        here.run.mkdir()
        for make in makes:
            make(here.run)
        before = {path.name: path.read_bytes() for path in here.run.iterdir()}
        ended = await here.do("practice", code=1)
        assert said in ended.error
        assert "--run" in ended.error
        assert {path.name: path.read_bytes() for path in here.run.iterdir()} == before
        assert here.endpoint.calls == []


@pytest.mark.exhaustive
async def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        here.run.mkdir()
        file("notes.txt", "mine")(here.run)
        await here.do("practice")
        assert (here.run / "notes.txt").read_text() == "mine"


async def test_a_run_of_an_older_release_is_resumed(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.do("practice")
        calls = len(here.endpoint.calls)
        database("PRAGMA application_id = 0")(here.run)
        await here.do("practice")
        assert len(here.endpoint.calls) == calls
        with closing(sqlite3.connect(here.run / "run.db")) as connection:
            assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
