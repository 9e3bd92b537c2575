"""Libraries in SQLite: look-up, description, history and edits by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from typing_extensions import override

from experience_store.errors import BadInputError, LibraryNotFoundError, NotFoundError
from experience_store.library import Library, Policy, State, check_library_name
from experience_store.operations import Operation, Proposed, apply
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Row, Transaction, now
from experience_store.sqlite.provenance import Tracing
from experience_store.sqlite.versions import (
    check_version,
    make_version,
    read_state,
    restore_version,
    write_version,
)
from experience_store.store import Libraries, LibraryStamp, Provenance
from experience_store.store.libraries import library_not_found
from experience_store.version import Version

_LAST = 2**62


class SqliteLibraries(Libraries):
    """`Libraries` in SQLite."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    async def get(self, name: str) -> Library:
        return rows.to_library(await self.row(name))

    async def row(self, name: str) -> Row:
        """The library's row; raises LibraryNotFoundError."""
        row = await self._db.row("library", name=name)
        if row is None:
            raise await library_not_found(name, self)
        return row

    @override
    async def ensure(self, name: str) -> Library:
        row = await self._db.row("library", name=name)
        if row is None:
            row = await self._db.write(lambda tx: ensure_library(tx, name))
        return rows.to_library(row)

    @override
    async def all(self) -> tuple[Library, ...]:
        return tuple(rows.to_library(row) for row in await self._db.rows("libraries"))

    @override
    async def page(self, *, after: str, limit: int) -> tuple[Library, ...]:
        found = await self._db.rows("library_page", after=after, limit=limit)
        return tuple(rows.to_library(row) for row in found)

    @override
    async def stamps(self) -> Mapping[str, LibraryStamp]:
        found = await self._db.rows("library_marks")
        return {
            row["name"]: LibraryStamp(
                id=row["id"],
                head=row["head"],
                size=row["size"],
                agent_objective=row["agent_objective"],
                learning_objective=row["learning_objective"],
            )
            for row in found
        }

    @override
    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        literal = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = await self._db.rows("library_names", prefix=f"{literal}%", limit=limit)
        return tuple(row["name"] for row in found)

    @override
    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        def work(tx: Transaction) -> None:
            tx.run(
                "describe_library",
                library=ensure_library(tx, name)["id"],
                agent_objective=agent_objective,
                learning_objective=learning_objective,
                policy=rows.from_policy(policy),
            )

        await self._db.write(work)
        return await self.get(name)

    @override
    async def state(self, name: str, version: int | None = None) -> State:
        def work(tx: Transaction) -> State | None:
            row = tx.row("library", name=name)
            if row is None:
                return None
            if version is not None:
                check_version(row, version)
            return read_state(tx, row, row["head"] if version is None else version)

        state = await self._db.read(work)
        if state is None:
            raise await library_not_found(name, self)
        return state

    @override
    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        library = (await self.row(name))["id"]
        found = await self._db.rows(
            "versions", library=library, before=_LAST if before is None else before, limit=limit
        )
        return tuple([await self._version(row) for row in found])

    @override
    async def version(self, name: str, number: int) -> Version:
        library = await self.row(name)
        check_version(library, number)
        row = await self._db.row("version", library=library["id"], number=number)
        if row is None:
            raise NotFoundError(f"library {name!r} has no version {number}")
        return await self._version(row)

    @override
    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        library = (await self.row(name))["id"]
        if ids is None:
            found = await self._db.rows("all_tasks_behind", library=library)
        else:
            numbers = json.dumps([rows.number_of(i) for i in ids])
            found = await self._db.rows("tasks_behind", library=library, numbers=numbers)
        tasks: dict[str, list[str]] = {}
        for row in found:
            tasks.setdefault(rows.id_of(row["number"]), []).append(row["task"])
        return {id_: tuple(texts) for id_, texts in tasks.items()}

    @override
    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        def work(tx: Transaction) -> int:
            row = ensure_library(tx, name)
            state = read_state(tx, row, row["head"])
            policy = rows.to_policy(row["policy"])
            application = apply(state, [Proposed(o) for o in operations], policy)
            if application.refused:
                raise BadInputError("; ".join(r.reason for r in application.refused))
            return write_version(tx, row, application, author=author, note=note)

        return await self.version(name, await self._db.write(work))

    @override
    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        def work(tx: Transaction) -> int:
            row = tx.row("library", name=name)
            if row is None:
                raise LibraryNotFoundError(f"library {name!r} does not exist any more")
            return restore_version(tx, row, to, author=author, note=note)

        await self.row(name)
        return await self.version(name, await self._db.write(work))

    @override
    async def delete(self, name: str) -> Library:
        def work(tx: Transaction) -> Row | None:
            row = tx.row("library", name=name)
            if row is not None:
                tx.run("delete_entries", library=row["id"])  # first, since they refer to operations
                tx.run("delete_library", library=row["id"])
            return row

        row = await self._db.write(work)
        if row is None:
            raise await library_not_found(name, self)
        return rows.to_library(row)

    @override
    async def provenance(self, name: str, experience_id: str) -> Provenance:
        return await Tracing(self._db, await self.row(name)).provenance(experience_id)

    async def _version(self, row: Row) -> Version:
        operations = await self._db.rows(
            "operations_of_version", library=row["library_id"], version=row["number"]
        )
        return Version(
            number=row["number"],
            parent=row["parent"],
            author=row["author"],
            note=row["note"],
            created_at=rows.to_time(row["created_at"]),
            size=row["size"],
            update_id=row["update_id"],
            operations=tuple(rows.to_applied(o) for o in operations if o["refused"] is None),
            refusals=tuple(rows.to_refusal(o) for o in operations if o["refused"] is not None),
        )


def ensure_library(tx: Transaction, name: str) -> Row:
    """The library's row; a new library is created with defaults."""
    row = tx.row("library", name=name)
    if row is not None:
        return row
    check_library_name(name)
    policy = rows.from_policy(Policy())
    tx.run("make_library", id=next_serial(tx), name=name, policy=policy, now=now())
    row = tx.row("library", name=name)
    assert row is not None, "created in this transaction"
    make_version(tx, row, 0, 0, "experience-mcp", "created on first use")
    return row


def next_serial(tx: Transaction) -> int:
    """The id for a new library; ids are never reused."""
    row = tx.row("next_serial")
    assert row is not None, "a migration inserted it"
    return int(row["last"])
