"""What was served to whom, in SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import override

from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Transaction, Value, now
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.store import Retrieval, Retrievals


class SqliteRetrievals(Retrievals):
    """`Retrievals` in SQLite."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    @override
    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        def work(tx: Transaction) -> None:
            libraries: dict[str, int] = {}  # a library deleted meanwhile took its retrievals along
            for name in {r.library for r in retrievals}:
                if row := tx.row("library", name=name):
                    libraries[name] = row["id"]
            known = (r for r in retrievals if r.library in libraries)
            tx.run_many("make_retrieval", (_columns(r, libraries) for r in known))

        await self._db.write(work)

    @override
    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
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
