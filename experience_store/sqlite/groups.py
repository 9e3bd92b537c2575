"""Groups and attempts in SQLite."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence

from typing_extensions import override

from experience_store.errors import ConflictError, NotFoundError
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Row, Transaction, now
from experience_store.sqlite.libraries import SqliteLibraries, ensure_library
from experience_store.sqlite.trajectories import NamedAttempt, named, store_attempts
from experience_store.store import GroupCounts, GroupInfo, Groups, Receipt, Submission
from experience_store.store.submission_redaction import redacted_submission
from experience_store.trajectory import Group

LARGE = 200_000  # characters of a submission


class SqliteGroups(Groups):
    """`Groups` in SQLite."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    @override
    async def submit(self, library: str, submission: Submission) -> Receipt:
        if _size(submission) > LARGE:  # which can take long, and others are waiting
            clean, redacted = await asyncio.to_thread(redacted_submission, submission)
        else:
            clean, redacted = redacted_submission(submission)
        attempts = named(clean.trajectories)
        return await self._db.write(lambda tx: _submit(tx, library, clean, attempts, redacted))

    @override
    async def get(self, library: str, group_id: str) -> Group:
        row = await self._db.row(
            "group", library=(await self._libraries.row(library))["id"], name=group_id
        )
        if row is None:
            raise NotFoundError(f"library {library!r} has no group {group_id[:80]!r}")
        attempts = await self._db.rows("attempts", group_id=row["id"])
        return Group(
            row["name"],
            row["task"],
            tuple(rows.to_trajectory(a) for a in attempts),
            row["ground_truth"],
            rows.to_time(row["created_at"]),
        )

    @override
    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        library_id = (await self._libraries.row(library))["id"]
        found = await self._db.rows("groups", library=library_id, after=after, limit=limit)
        return tuple(
            GroupInfo(
                id=row["name"],
                task=row["task"],
                attempts=row["attempts"],
                scored=row["scored"],
                signal=bool(row["signal"]),
                learned=row["learned"] > 0,
                failure=row["failure"],
                created_at=rows.to_time(row["created_at"]),
            )
            for row in found
        )

    @override
    async def counts(self, library: str) -> GroupCounts:
        library_id = (await self._libraries.row(library))["id"]
        all_ = await self._db.row("group_counts", library=library_id)
        waiting = await self._db.row("waiting_count", library=library_id)
        assert all_ is not None and waiting is not None, "aggregates have one row"  # noqa: PT018  # one reason
        oldest = waiting["oldest"]
        return GroupCounts(
            groups=all_["groups"],
            signal=all_["signal"],
            attempts=all_["attempts"],
            learned=all_["learned"],
            set_aside=all_["set_aside"],
            waiting=waiting["waiting"],
            oldest_waiting=rows.to_time(oldest) if oldest else None,
        )

    @override
    async def waiting(self) -> Mapping[str, int]:
        found = await self._db.rows("waiting_by_library")
        return {row["name"]: row["waiting"] for row in found}

    @override
    async def retry_set_aside(self, library: str) -> int:
        row = await self._libraries.row(library)
        return await self._db.write(lambda tx: tx.run("retry_set_aside", library=row["id"]))


def _size(submission: Submission) -> int:
    return sum(len(m.text) for t in submission.trajectories for m in t.messages)


def _submit(
    tx: Transaction,
    library: str,
    submission: Submission,
    attempts: Sequence[NamedAttempt],
    redacted: int,
) -> Receipt:
    row = ensure_library(tx, library)
    group = _ensure_group(tx, row, submission)
    filled = _fill_ground_truth(tx, group, submission)
    added, scored = store_attempts(tx, group, attempts)
    if added or scored or filled:
        tx.run("recount_group", group_id=group["id"], now=now())
    after = tx.row("group_after", group_id=group["id"])
    assert after is not None, "written in this transaction"
    return Receipt(
        group_id=after["name"],
        trajectories=after["attempts"],
        added=added,
        known=len(attempts) - added - scored,
        scored=scored,
        signal=bool(after["signal"]),
        will_be_learned=bool(after["learnable"] and not after["set_aside"]),
        set_aside=(after["failure"] or "unknown") if after["set_aside"] else None,
        waiting=after["waiting"],
        redacted=redacted,
        min_spread=rows.to_policy(row["policy"]).min_spread,
    )


def _ensure_group(tx: Transaction, library: Row, submission: Submission) -> Row:
    name = submission.group_id or f"group-{secrets.token_hex(6)}"
    row = None
    if submission.group_id:
        row = tx.row("group", library=library["id"], name=name)
    if row is None:
        row = tx.row(
            "make_group",
            library=library["id"],
            name=name,
            task=submission.task,
            ground_truth=submission.ground_truth,
            now=now(),
        )
        assert row is not None, "made in this transaction"
    elif row["task"] != submission.task:
        raise ConflictError(
            f"group {name!r} of library {library['name']!r} has another task. A group holds "
            "attempts at one task: send the same task text, or use another group_id. Nothing was "
            "stored."
        )
    return row


def _fill_ground_truth(tx: Transaction, group: Row, submission: Submission) -> bool:
    truth = submission.ground_truth
    if truth is None or truth == group["ground_truth"]:
        return False
    if group["ground_truth"] is not None:
        raise ConflictError(
            f"group {group['name']!r} has another ground_truth. Leave it out, or use another "
            "group_id"
        )
    tx.run("set_ground_truth", group_id=group["id"], ground_truth=truth)
    return True
