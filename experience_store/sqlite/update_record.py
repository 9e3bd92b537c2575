"""Reads an update from SQLite as it began: later attempts and rewards are not part of it."""

from __future__ import annotations

import time
from dataclasses import replace

from experience_store.library import Library
from experience_store.sqlite import rows
from experience_store.sqlite.database import Row, Transaction
from experience_store.store import AskedRequest, UpdateGroup, UpdateRecord
from experience_store.store.updates import MAX_LEASE
from experience_store.trajectory import Group


def read_record(tx: Transaction, row: Row) -> UpdateRecord:
    """All of an update, from its row."""
    update_id = row["id"]
    library = tx.row("library_by_id", library=row["library_id"])
    usage = tx.row("usage", update_id=update_id)
    assert library is not None, "a foreign key keeps it"
    assert usage is not None, "aggregates have one row"
    groups = [
        _update_group(tx, row["library_id"], group)
        for group in tx.rows("update_groups", update_id=update_id)
    ]
    return UpdateRecord(
        id=update_id,
        library=_as_it_began(rows.to_library(library), row["policy"]),
        driver=row["driver"],
        status=row["status"],
        bases=rows.to_integers(row["bases"]),
        groups=tuple(groups),
        requests=tuple(
            AskedRequest(r["name"], r["prompt"], r["failed"])
            for r in tx.rows("requests", update_id=update_id)
        ),
        answers=tuple(rows.to_answer(r) for r in tx.rows("answers", update_id=update_id)),
        version=row["version"],
        reason=row["reason"],
        leased=row["owner"] is not None and 0 < row["leased_till"] - time.time() <= MAX_LEASE,
        created_at=rows.to_time(row["created_at"]),
        usage=rows.to_usage(usage),
        prompt_bound=row["prompt_bound"],
    )


def _as_it_began(library: Library, policy: str | None) -> Library:
    """The library with its policy at the start: policy changes apply to later updates."""
    return replace(library, policy=rows.to_policy(policy)) if policy else library


def _update_group(tx: Transaction, library: int, row: Row) -> UpdateGroup:
    """The group as it was at the start, without later attempts and rewards."""
    rewards = rows.to_rewards(row["attempts"])
    attempts = [
        replace(rows.to_trajectory(a), reward=rewards[a["id"]])
        for a in tx.rows("attempts", group_id=row["group_id"])
        if a["id"] in rewards
    ]
    retrievals = [a.retrieval_id for a in attempts if a.retrieval_id]
    found = (
        tx.rows("retrievals", library=library, ids=rows.from_strings(retrievals))
        if retrievals
        else []
    )
    served = {r["id"]: rows.to_strings(r["served"]) for r in found}
    group = Group(
        row["name"],
        row["task"],
        tuple(attempts),
        row["ground_truth"],
        rows.to_time(row["created_at"]),
    )
    return UpdateGroup(
        group,
        row["revision"],
        rows.to_strings(row["relevant"]) if row["relevant"] is not None else None,
        {a.id: served[a.retrieval_id] for a in attempts if a.retrieval_id in served},
    )
