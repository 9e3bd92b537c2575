"""What was served to whom, in SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Transaction, Value, now
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.store import Retrieval


class SqliteRetrievals:
    """Implements `experience_store.store.Retrievals`."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        """Store retrievals, all or none; those of a library that has gone are gone with it."""

        def work(tx: Transaction) -> None:
            libraries: dict[str, int] = {}
            for name in {r.library for r in retrievals}:
                if row := tx.row("library", name=name):
                    libraries[name] = row["id"]
            known = (r for r in retrievals if r.library in libraries)
            tx.run_many("make_retrieval", (_columns(r, libraries) for r in known))

        await self._db.write(work)

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
