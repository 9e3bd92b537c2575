"""Tokens in SQLite, by their digests."""

from __future__ import annotations

import json

from typing_extensions import override

from experience_store.errors import ConflictError, NotFoundError
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Row, Transaction, now
from experience_store.store import Tokens
from experience_store.store.tokens import Token


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
                    f"there is a token {token.name!r} already: revoke it first, or give another "
                    "name"
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
    async def all(self) -> tuple[Token, ...]:
        return tuple(_token(row) for row in await self._db.rows("tokens"))

    @override
    async def revoke(self, name_or_id: str) -> Token:
        def work(tx: Transaction) -> Token:
            row = tx.row("token_named", name=name_or_id)
            if row is None:
                raise NotFoundError(f"there is no token {name_or_id[:80]!r}")
            tx.run("delete_token", id=row["id"])
            return _token(row)

        return await self._db.write(work)


def _token(row: Row) -> Token:
    libraries: list[str] | None = json.loads(row["libraries"]) if row["libraries"] else None
    return Token(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(json.loads(row["scopes"])),
        libraries=None if libraries is None else frozenset(libraries),
        created_at=rows.to_time(row["created_at"]),
        expires_at=rows.to_time(row["expires_at"]) if row["expires_at"] else None,
    )
