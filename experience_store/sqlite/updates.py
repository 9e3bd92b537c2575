"""Updates in SQLite: begun, asked, answered, leased, closed."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from experience_store.errors import LeaseLostError
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, now
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.sqlite.publishing import publish
from experience_store.sqlite.update_record import read_record
from experience_store.store import (
    AskedRequest,
    Driver,
    GivenAnswer,
    Publication,
    UpdateInfo,
    UpdateRecord,
    Usage,
)
from experience_store.store.updates import update_not_found


class SqliteUpdates:
    """Implements `experience_store.store.Updates`."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    async def begin(
        self, library: str, driver: Driver, limit: int, lease: tuple[str, float] | None = None
    ) -> str | None:
        """Begin an update with up to `limit` waiting groups; its id, or None if none waits."""
        await self._libraries.row(library)
        async with self._db.transaction() as tx:
            row = await tx.row("library", name=library)
            assert row is not None, "libraries are not deleted under updates"
            groups = await tx.rows("waiting_groups", library=row["id"], limit=limit)
            if not groups:
                return None
            update_id = f"update-{secrets.token_hex(6)}"
            await tx.run(
                "make_update",
                id=update_id,
                library=row["id"],
                driver=driver,
                policy=row["policy"],
                bases=json.dumps([row["head"]]),
                owner=lease[0] if lease else None,
                leased_till=time.time() + lease[1] if lease else None,
                now=now(),
            )
            for position, group in enumerate(groups, start=1):
                await tx.run(
                    "make_update_group",
                    update_id=update_id,
                    position=position,
                    group_id=group["id"],
                    revision=group["revision"],
                )
        return update_id

    async def get(self, update_id: str) -> UpdateRecord:
        """All of an update; raises NotFoundError."""
        async with self._db.snapshot() as tx:
            row = await tx.row("update", id=update_id)
            if row is None:
                raise update_not_found(update_id)
            return await read_record(tx, row)

    async def library_of(self, update_id: str) -> str:
        """The name of an update's library; raises NotFoundError as `get` does."""
        row = await self._db.row("update_library", id=update_id)
        if row is None:
            raise update_not_found(update_id)
        return row["library"]

    async def open(self, library: str) -> tuple[str, ...]:
        """Ids of the library's open updates, oldest first."""
        row = await self._libraries.row(library)
        return tuple(r["id"] for r in await self._db.rows("open_updates", library=row["id"]))

    async def list(self, library: str, limit: int) -> tuple[UpdateInfo, ...]:
        """The library's updates, newest first."""
        row = await self._libraries.row(library)
        found = await self._db.rows("updates", library=row["id"], limit=limit)
        return tuple(
            UpdateInfo(
                id=r["id"],
                driver=r["driver"],
                status=r["status"],
                groups=r["groups"],
                version=r["version"],
                reason=r["reason"],
                created_at=rows.to_time(r["created_at"]),
                usage=rows.to_usage(r),
            )
            for r in found
        )

    async def set_relevant(self, update_id: str, relevant: Sequence[Sequence[str]]) -> None:
        """Store which experiences each group's comparison is shown, unless stored already."""
        async with self._db.transaction() as tx:
            for position, ids in enumerate(relevant, start=1):
                await tx.run(
                    "set_relevant",
                    update_id=update_id,
                    position=position,
                    relevant=rows.from_strings(ids),
                )

    async def ask(self, update_id: str, requests: Sequence[AskedRequest]) -> None:
        """Store requests before they are put; those stored already stay as they are."""
        async with self._db.transaction() as tx:
            asked = now()
            await tx.run_many(
                "ask",
                (
                    {"update_id": update_id, "name": r.id, "prompt": r.prompt, "now": asked}
                    for r in requests
                ),
            )

    async def answer(self, update_id: str, answers: Sequence[GivenAnswer]) -> bool:
        """Store answers as they came, refused ones too; whether all of them were new."""
        stored = 0
        async with self._db.transaction() as tx:
            for answer in answers:
                stored += await tx.run(
                    "make_answer",
                    update_id=update_id,
                    request=answer.request,
                    text=answer.text,
                    refused=answer.refused,
                    model=answer.model,
                    prompt_tokens=answer.usage.prompt_tokens,
                    cached_tokens=answer.usage.cached_tokens,
                    completion_tokens=answer.usage.completion_tokens,
                    cost=answer.usage.cost,
                    now=now(),
                )
            await tx.run("touch_update", id=update_id, now=now())
        return stored == len(answers)

    async def take_back(self, update_id: str, request: str, reason: str) -> None:
        """Refuse an answer after all that had been taken, so that another can be."""
        async with self._db.transaction() as tx:
            await tx.run("refuse_taken_answer", update_id=update_id, request=request, reason=reason)

    async def give_up(self, update_id: str, request: str, reason: str) -> None:
        """Mark a request as failed."""
        async with self._db.transaction() as tx:
            await tx.run("fail_request", update_id=update_id, name=request, reason=reason)

    async def rebase(self, update_id: str, version: int) -> None:
        """Record that the update goes on from a newer version."""
        async with self._db.transaction() as tx:
            await tx.run("rebase_update", id=update_id, version=version, now=now())

    async def publish(self, update_id: str, publication: Publication) -> UpdateRecord:
        """Close the update with what it comes to; raises HeadMovedError if it must rebase."""
        async with self._db.transaction() as tx:
            update = await tx.row("update", id=update_id)
            if update is None:
                raise update_not_found(update_id)
            if update["status"] == "open":
                await publish(tx, update, publication)
        return await self.get(update_id)

    async def lease(
        self, library: str | None, owner: str, seconds: float, idle_seconds: float
    ) -> str | None:
        """Take over an open update that nobody works on; its id, or None."""
        library_id = (await self._libraries.row(library))["id"] if library else None
        clock = time.time()
        idle_since = datetime.now(UTC) - timedelta(seconds=idle_seconds)
        params = {
            "now_seconds": clock,
            "idle_since": idle_since.isoformat(timespec="milliseconds"),
        }
        if not await self._db.rows("leasable_updates", library=library_id, **params):
            return None
        async with self._db.transaction() as tx:
            for row in await tx.rows("leasable_updates", library=library_id, **params):
                if await tx.run(
                    "lease_update", id=row["id"], owner=owner, till=clock + seconds, **params
                ):
                    return row["id"]
        return None

    async def keep(self, update_id: str, owner: str, seconds: float) -> None:
        """Extend a lease; raises LeaseLostError if another has it."""
        async with self._db.transaction() as tx:
            till = time.time() + seconds
            if not await tx.run("keep_lease", id=update_id, owner=owner, till=till):
                raise LeaseLostError(f"update {update_id} is closed or in other hands")

    async def release(self, update_id: str, owner: str) -> None:
        """Give a lease back."""
        async with self._db.transaction() as tx:
            await tx.run("release_lease", id=update_id, owner=owner)

    async def release_all(self, owner: str) -> None:
        """Give all leases of an owner back."""
        async with self._db.transaction() as tx:
            await tx.run("release_leases", owner=owner)

    async def usage(self, library: str) -> Usage:
        """What all updates of the library cost."""
        row = await self._libraries.row(library)
        usage = await self._db.row("library_usage", library=row["id"])
        assert usage is not None, "aggregates have one row"
        return rows.to_usage(usage)
