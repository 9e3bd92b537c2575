"""The store in one SQLite file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from experience_store.sqlite import rows
from experience_store.sqlite.database import BUSY_SECONDS, Database
from experience_store.sqlite.groups import SqliteGroups
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.sqlite.retrievals import SqliteRetrievals
from experience_store.sqlite.tokens import SqliteTokens
from experience_store.sqlite.updates import SqliteUpdates
from experience_store.store import StoreTotals

if TYPE_CHECKING:
    from experience_store.sqlite.archives import SqliteArchives


class SqliteStore:
    """`Store` in SQLite."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.libraries = SqliteLibraries(database)
        self.groups = SqliteGroups(database, self.libraries)
        self.updates = SqliteUpdates(database, self.libraries)
        self.retrievals = SqliteRetrievals(database, self.libraries)
        self.tokens = SqliteTokens(database)

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> SqliteStore:
        """Open the file, creating it if it is new; raises StorageError.

        Args:
            path: The file.
            busy_seconds: Time that a write waits for its turn at most.
        """
        return cls(await Database.open(path, busy_seconds=busy_seconds))

    @property
    def archives(self) -> SqliteArchives:
        """Libraries out of the file and into it."""
        from experience_store.sqlite.archives import SqliteArchives  # noqa: PLC0415  # not before it is needed: start-up

        return SqliteArchives(self._db)

    @property
    def location(self) -> str:
        """The path of the database file."""
        return str(self._db.path)

    async def totals(self, libraries: Collection[str] | None = None) -> StoreTotals:
        """What the libraries of these names, or all, hold together."""
        names = None if libraries is None else rows.from_strings(sorted(libraries))
        row = await self._db.row("totals", names=names)
        assert row, "it is an aggregate"
        updates = await self._db.rows("update_totals", names=names)
        return StoreTotals(**dict(row), updates={r["status"]: r["updates"] for r in updates})

    async def change_counter(self) -> int:
        """A number that is another one if anybody stored anything since it was asked for last."""
        row = await self._db.row("data_version")
        assert row is not None, "a pragma has one row"
        return row[0]

    async def close(self) -> None:
        """Finish the write that is under way and close the file."""
        await self._db.close()
