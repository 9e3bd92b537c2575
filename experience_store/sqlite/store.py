"""The store in one SQLite file, with its small protocols: retrievals, tokens and workers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from experience_store.errors import ConflictError, NotFoundError
from experience_store.sqlite import rows
from experience_store.sqlite.database import (
    BUSY_SECONDS,
    Database,
    Params,
    Row,
    Transaction,
    now,
)
from experience_store.sqlite.groups import SqliteGroups
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.sqlite.updates import SqliteUpdates
from experience_store.store import (
    Retrieval,
    Retrievals,
    StoreTotals,
    Token,
    Tokens,
    Trouble,
    Workers,
)
from experience_store.store.workers import FRESH_SECONDS, is_gone

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
        self.workers = SqliteWorkers(database)

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> SqliteStore:
        """Open or create the file, see `Database.open`; raises StorageError."""
        return cls(await Database.open(path, busy_seconds=busy_seconds))

    @property
    def archives(self) -> SqliteArchives:
        """Export and import of libraries."""
        from experience_store.sqlite.archives import SqliteArchives  # noqa: PLC0415  # not before it is needed: start-up

        return SqliteArchives(self._db, self.libraries)

    @property
    def location(self) -> str:
        """The path of the database file."""
        return str(self._db.path)

    async def totals(self, libraries: Collection[str] | None = None) -> StoreTotals:
        """Totals over the libraries of these names; over all for None."""
        names = None if libraries is None else rows.from_strings(sorted(libraries))
        row = await self._db.row("totals", names=names)
        assert row, "aggregates have one row"
        updates = await self._db.rows("update_totals", names=names)
        return StoreTotals(**dict(row), updates={r["status"]: r["updates"] for r in updates})

    async def change_counter(self) -> int:
        """Change counter; differs after any write. Raises StorageError if the file is gone."""
        self._db.check_file()
        row = await self._db.row("data_version")
        assert row is not None, "a pragma has one row"
        return row[0]

    async def close(self) -> None:
        """Finish the write in progress and close the file."""
        await self._db.close()


class SqliteRetrievals(Retrievals):
    """`Retrievals` in SQLite."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    @override
    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        def work(tx: Transaction) -> None:
            libraries: dict[str, int] = {}  # a library may have been deleted meanwhile
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


def _columns(retrieval: Retrieval, libraries: Mapping[str, int]) -> Params:
    return {
        "id": retrieval.id,
        "library": libraries[retrieval.library],
        "version": retrieval.version,
        "task": retrieval.task,
        "served": rows.from_strings(retrieval.served),
        "now": now(),
    }


class SqliteTokens(Tokens):
    """`Tokens` in SQLite."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    async def add(self, token: Token, digest: str) -> None:
        libraries = None if token.libraries is None else rows.from_strings(sorted(token.libraries))

        def work(tx: Transaction) -> None:
            if tx.row("token_named", name=token.name) is not None:
                raise ConflictError(
                    f"token {token.name!r} already exists: revoke it first, or choose another name"
                )
            tx.run(
                "make_token",
                id=token.id,
                name=token.name,
                digest=digest,
                scopes=rows.from_strings(sorted(token.scopes)),
                libraries=libraries,
                created_at=rows.from_time(token.created_at),
                expires_at=rows.from_time(token.expires_at) if token.expires_at else None,
            )

        await self._db.write(work)

    @override
    async def find(self, digest: str) -> Token | None:
        row = await self._db.row("token_of_digest", digest=digest, now=now())
        return None if row is None else _token(row)

    @override
    async def find_expired(self, digest: str) -> Token | None:
        row = await self._db.row("expired_token_of_digest", digest=digest, now=now())
        return None if row is None else _token(row)

    @override
    async def all(self) -> tuple[Token, ...]:
        return tuple(_token(row) for row in await self._db.rows("tokens"))

    @override
    async def revoke(self, name_or_id: str) -> Token:
        def work(tx: Transaction) -> Token:
            row = tx.row("token_named", name=name_or_id)
            if row is None:
                raise NotFoundError(f"token {name_or_id[:80]!r} does not exist")
            tx.run("delete_token", id=row["id"])
            return _token(row)

        return await self._db.write(work)


class SqliteWorkers(Workers):
    """`Workers` in SQLite."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    async def report(self, owner: str, trouble: Trouble) -> None:
        columns: Params = {
            "owner": owner,
            "since": rows.from_time(trouble.since),
            "reason": trouble.reason,
            "now": now(),
        }
        await self._db.write(lambda tx: tx.run("report_trouble", **columns))

    @override
    async def recovered(self, owner: str) -> None:
        await self._db.write(lambda tx: tx.run("forget_trouble", owner=owner, stale=_fresh()))

    @override
    async def troubles(self) -> tuple[Trouble, ...]:
        found = await self._db.rows("troubles", fresh=_fresh())
        troubles = [
            Trouble(rows.to_time(r["since"]), r["reason"]) for r in found if not is_gone(r["owner"])
        ]
        return tuple({trouble.reason: trouble for trouble in reversed(troubles)}.values())[::-1]


def _fresh() -> str:
    """Since when a worker must have said that it is in trouble, for it to count."""
    return rows.from_time(datetime.now(UTC) - timedelta(seconds=FRESH_SECONDS))


def _token(row: Row) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(rows.to_strings(row["scopes"])),
        libraries=frozenset(rows.to_strings(row["libraries"])) if row["libraries"] else None,
        created_at=rows.to_time(row["created_at"]),
        expires_at=rows.to_time(row["expires_at"]) if row["expires_at"] else None,
    )
