"""What was served to whom, in SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Value, now
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.store import Retrieval


class SqliteRetrievals:
    """Implements `experience_store.store.Retrievals`."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        """Store retrievals, all or none."""
        names = {r.library for r in retrievals}
        libraries = {name: (await self._libraries.row(name))["id"] for name in names}
        columns = [_columns(r, libraries) for r in retrievals]
        await self._db.write(lambda tx: tx.run_many("make_retrieval", columns))

    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The library that each was of, by id; those that are not known are missing."""
        found = await self._db.rows("libraries_of_retrievals", ids=rows.from_strings(ids))
        return {row["id"]: row["library"] for row in found}


def _columns(retrieval: Retrieval, libraries: Mapping[str, int]) -> dict[str, Value]:
    return {
        "id": retrieval.id,
        "library": libraries[retrieval.library],
        "version": retrieval.version,
        "task": retrieval.task,
        "served": rows.from_strings(retrieval.served),
        "now": now(),
    }
