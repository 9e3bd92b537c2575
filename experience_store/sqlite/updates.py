"""Updates in SQLite: begin, requests and answers, leases, close."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from experience_store.errors import LeaseLostError, NotFoundError
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Params, Row, Transaction, now
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.sqlite.publishing import decide, pending, publish
from experience_store.sqlite.update_record import read_record
from experience_store.store import (
    AskedRequest,
    Decision,
    GivenAnswer,
    Publication,
    Review,
    UpdateInfo,
    UpdateRecord,
    Updates,
    Usage,
)
from experience_store.store.updates import MAX_LEASE, SKEW_SECONDS, update_not_found
from experience_store.version import Driver


class SqliteUpdates(Updates):
    """`Updates` in SQLite."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    @override
    async def begin(
        self,
        library: str,
        driver: Driver,
        limit: int,
        lease: tuple[str, float] | None = None,
        *,
        prompt_bound: int | None = None,
    ) -> str | None:
        await self._libraries.row(library)
        return await self._db.write(
            lambda tx: _begin(tx, library, driver, limit, lease, prompt_bound)
        )

    @override
    async def get(self, update_id: str) -> UpdateRecord:
        return await self._db.read(lambda tx: read_record(tx, _existing(tx, update_id)))

    @override
    async def library_of(self, update_id: str) -> str:
        row = await self._db.row("update_library", id=update_id)
        if row is None:
            raise update_not_found(update_id)
        return row["library"]

    @override
    async def open(self, library: str) -> tuple[str, ...]:
        row = await self._libraries.row(library)
        return tuple(r["id"] for r in await self._db.rows("open_updates", library=row["id"]))

    @override
    async def list(
        self, library: str, limit: int, *, before: str | None = None
    ) -> tuple[UpdateInfo, ...]:
        row = await self._libraries.row(library)
        if before is not None:
            known = await self._db.row("update", id=before)
            if known is None or known["library_id"] != row["id"]:
                raise NotFoundError(f"library {library!r} has no update {before[:80]!r}")
        found = await self._db.rows("updates", library=row["id"], limit=limit, before=before)
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

    @override
    async def set_relevant(self, update_id: str, relevant: Sequence[Sequence[str]]) -> None:
        columns: list[Params] = [
            {"update_id": update_id, "position": position, "relevant": rows.from_strings(ids)}
            for position, ids in enumerate(relevant, start=1)
        ]

        def work(tx: Transaction) -> None:
            _existing(tx, update_id)
            tx.run_many("set_relevant", columns)

        await self._db.write(work)

    @override
    async def ask(self, update_id: str, requests: Sequence[AskedRequest]) -> None:
        asked = now()
        columns: list[Params] = [
            {"update_id": update_id, "name": r.id, "prompt": r.prompt, "now": asked}
            for r in requests
        ]

        def work(tx: Transaction) -> None:
            _existing(tx, update_id)
            tx.run_many("ask", columns)

        await self._db.write(work)

    @override
    async def answer(self, update_id: str, answers: Sequence[GivenAnswer]) -> bool:
        columns = [_answer_columns(update_id, answer) for answer in answers]

        def work(tx: Transaction) -> int:
            _existing(tx, update_id)
            stored = sum(tx.run("make_answer", **c) for c in columns)
            tx.run("touch_update", id=update_id, now=now())
            return stored

        return await self._db.write(work) == len(answers)

    @override
    async def retract(self, update_id: str, request: str, reason: str) -> None:
        key = {"update_id": update_id, "request": request}
        await self._db.write(lambda tx: tx.run("refuse_taken_answer", reason=reason, **key))

    @override
    async def give_up(self, update_id: str, request: str, reason: str) -> None:
        key = {"update_id": update_id, "name": request}
        await self._db.write(lambda tx: tx.run("fail_request", reason=reason, **key))

    @override
    async def count_round(self, update_id: str, request: str) -> int:
        def work(tx: Transaction) -> int:
            counted = tx.row("count_round", update_id=update_id, name=request)
            if counted is None:
                raise update_not_found(update_id)
            return counted["rounds"]

        return await self._db.write(work)

    @override
    async def rebase(self, update_id: str, version: int) -> None:
        def work(tx: Transaction) -> None:
            _existing(tx, update_id)
            tx.run("rebase_update", id=update_id, version=version, now=now())

        await self._db.write(work)

    @override
    async def publish(self, update_id: str, publication: Publication) -> UpdateRecord:
        def work(tx: Transaction) -> None:
            update = _existing(tx, update_id)
            if update["status"] == "open":
                publish(tx, update, publication)

        await self._db.write(work)
        return await self.get(update_id)

    @override
    async def reviews(self, library: str) -> tuple[Review, ...]:
        library_id = (await self._libraries.row(library))["id"]

        def work(tx: Transaction) -> tuple[Review, ...]:
            found = tx.rows("updates_to_review", library=library_id)
            return tuple(pending(tx, row) for row in found)

        return await self._db.read(work)

    @override
    async def review(self, update_id: str, decision: Decision) -> UpdateRecord:
        await self._db.write(lambda tx: decide(tx, _existing(tx, update_id), decision))
        return await self.get(update_id)

    @override
    async def libraries(self) -> tuple[str, ...]:
        return tuple(r["name"] for r in await self._db.rows("libraries_with_open_updates"))

    @override
    async def lease(
        self, library: str, owner: str, seconds: float, idle_seconds: float
    ) -> str | None:
        library_id = (await self._libraries.row(library))["id"]
        clock = time.time()
        params: Params = {
            "now_seconds": clock,
            "longest_till": clock + MAX_LEASE,
            "idle_since": _from_now(-idle_seconds),
            "latest": _from_now(SKEW_SECONDS),
        }
        if not await self._db.rows("leasable_updates", library=library_id, **params):
            return None

        def work(tx: Transaction) -> str | None:
            lease: Params = {"owner": owner, "till": clock + min(seconds, MAX_LEASE), **params}
            for row in tx.rows("leasable_updates", library=library_id, **params):
                if tx.run("lease_update", id=row["id"], **lease):
                    return row["id"]
            return None

        return await self._db.write(work)

    @override
    async def keep(self, update_id: str, owner: str, seconds: float) -> None:
        till = time.time() + seconds
        if not await self._db.write(
            lambda tx: tx.run("keep_lease", id=update_id, owner=owner, till=till)
        ):
            raise LeaseLostError(f"update {update_id} is closed or leased to another process")

    @override
    async def release(self, update_id: str, owner: str) -> None:
        await self._db.write(lambda tx: tx.run("release_lease", id=update_id, owner=owner))

    @override
    async def release_all(self, owner: str) -> None:
        await self._db.write(lambda tx: tx.run("release_leases", owner=owner))

    @override
    async def usage(self, library: str) -> Usage:
        row = await self._libraries.row(library)
        usage = await self._db.row("library_usage", library=row["id"])
        assert usage is not None, "aggregates have one row"
        return rows.to_usage(usage)


def _existing(tx: Transaction, update_id: str) -> Row:
    row = tx.row("update", id=update_id)
    if row is None:
        raise update_not_found(update_id)
    return row


def _begin(
    tx: Transaction,
    library: str,
    driver: Driver,
    limit: int,
    lease: tuple[str, float] | None,
    prompt_bound: int | None,
) -> str | None:
    row = tx.row("library", name=library)
    if row is None:  # deleted meanwhile
        return None
    groups = tx.rows("waiting_groups", library=row["id"], limit=limit)
    if not groups:
        return None
    update_id = f"update-{secrets.token_hex(6)}"
    tx.run(
        "make_update",
        id=update_id,
        library=row["id"],
        driver=driver,
        policy=row["policy"],
        bases=json.dumps([row["head"]]),
        owner=lease[0] if lease else None,
        leased_till=time.time() + lease[1] if lease else None,
        prompt_bound=prompt_bound,
        now=now(),
    )
    for position, group in enumerate(groups, start=1):
        tx.run(
            "make_update_group",
            update_id=update_id,
            position=position,
            group_id=group["id"],
            revision=group["revision"],
        )
    return update_id


def _answer_columns(update_id: str, answer: GivenAnswer) -> Params:
    return {
        "update_id": update_id,
        "request": answer.request,
        "text": answer.text,
        "refused": answer.refused,
        "model": answer.model,
        "prompt_tokens": answer.usage.prompt_tokens,
        "cached_tokens": answer.usage.cached_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "cost": answer.usage.cost,
        "now": now(),
    }


def _from_now(seconds: float) -> str:
    """A time as stored."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
