"""Libraries out of and into SQLite, each way in one transaction."""

from __future__ import annotations

import sqlite3

from typing_extensions import override

from experience_store.archive.records import Archive
from experience_store.archive.validation import check
from experience_store.errors import ConflictError, LibraryNotFoundError, StorageError
from experience_store.library import Library, check_library_name
from experience_store.sqlite import rows
from experience_store.sqlite.archive_export import LibraryExport
from experience_store.sqlite.archive_import import LibraryImport
from experience_store.sqlite.database import Database, Transaction
from experience_store.store import Archives


class SqliteArchives(Archives):
    """`Transfers` in SQLite."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    async def export(self, name: str, *, attempts: bool) -> Archive:
        def work(tx: Transaction) -> Archive:
            row = tx.row("library", name=name)
            if row is None:
                raise LibraryNotFoundError(f"there is no library {name[:80]!r}")
            return LibraryExport(tx, row, attempts=attempts).archive()

        return await self._db.read(work)

    @override
    async def import_library(self, archive: Archive, name: str) -> Library:
        check(archive)
        check_library_name(name)

        def work(tx: Transaction) -> Library:
            if tx.row("library", name=name) is not None:
                raise ConflictError(f"there is a library {name!r} already")
            LibraryImport(tx, archive, name).write()
            row = tx.row("library", name=name)
            assert row is not None, "made in this transaction"
            return rows.to_library(row)

        try:
            return await self._db.write(work)
        except sqlite3.Error as error:
            raise StorageError(f"the library could not be stored: {error}") from error
