"""Groups and attempts in SQLite.

An attempt is identified by its id; one without gets an id derived from its content. So a retry
changes nothing and a late reward is filled in, while different content or a different reward under
the same id is a conflict.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

from experience_store.errors import ConflictError, NotFoundError
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Params, Row, Transaction, now
from experience_store.sqlite.libraries import SqliteLibraries, ensure_library
from experience_store.store import GroupCounts, GroupInfo, Groups, Receipt, Submission
from experience_store.store.groups import MANY_UNFIT, redacted_submission
from experience_store.store.updates import MAX_LEASE
from experience_store.trajectory import Group, Trajectory, fingerprint, messages_to_json

LARGE = 200_000  # characters of a submission
LATELY = 50  # groups that are looked at on a submission


class SqliteGroups(Groups):
    """`Groups` in SQLite."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    @override
    async def submit(self, library: str, submission: Submission) -> Receipt:
        if _size(submission) > LARGE:  # slow enough to block other tasks
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
        return tuple(map(_info, found))

    @override
    async def counts(self, library: str) -> GroupCounts:
        library_id = (await self._libraries.row(library))["id"]
        all_ = await self._db.row("group_counts", library=library_id)
        waiting = await self._db.row("waiting_count", library=library_id)
        clock = time.time()
        open_ = await self._db.row(
            "open_count",
            library=library_id,
            now_seconds=clock,
            longest_till=clock + MAX_LEASE,
        )
        assert all_ and waiting and open_, "aggregates have one row"  # noqa: PT018  # one reason
        oldest = waiting["oldest"]
        return GroupCounts(
            groups=all_["groups"],
            signal=all_["signal"],
            attempts=all_["attempts"],
            learned=all_["learned"],
            set_aside=all_["set_aside"],
            waiting=waiting["waiting"],
            oldest_waiting=rows.to_time(oldest) if oldest else None,
            unanswered=open_["groups"] - open_["learning"],
            learning=open_["learning"],
        )

    @override
    async def waiting(self) -> Mapping[str, int]:
        found = await self._db.rows("waiting_by_library")
        return {row["name"]: row["waiting"] for row in found}

    @override
    async def retry_set_aside(self, library: str) -> int:
        row = await self._libraries.row(library)
        return await self._db.write(lambda tx: tx.run("retry_set_aside", library=row["id"]))

    @override
    async def set_aside(self, library: str, limit: int) -> tuple[GroupInfo, ...]:
        library_id = (await self._libraries.row(library))["id"]
        found = await self._db.rows("set_aside_groups", library=library_id, limit=limit)
        return tuple(map(_info, found))

    @override
    async def offer_again(self, learner: str, library: str | None = None) -> int:
        library_id = (await self._libraries.row(library))["id"] if library else None
        if not await self._db.rows("offerable_groups", library=library_id, learner=learner):
            return 0

        def work(tx: Transaction) -> int:
            found = tx.rows("offerable_groups", library=library_id, learner=learner)
            for row in found:
                tx.run("note_set_aside", learner=learner, **dict(row))
                tx.run("offer_group", group_id=row["group_id"])
            return len(found)

        return await self._db.write(work)


def _info(row: Row) -> GroupInfo:
    return GroupInfo(
        id=row["name"],
        task=row["task"],
        attempts=row["attempts"],
        scored=row["scored"],
        signal=bool(row["signal"]),
        learned=row["learned"] > 0,
        failure=row["failure"],
        created_at=rows.to_time(row["created_at"]),
    )


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
        none_fit=not (after["signal"] or after["learnable"]) and _none_fit(tx, row),
    )


def _none_fit(tx: Transaction, library: Row) -> bool:
    """Whether a library that has not learned yet got several groups, and none that it could."""
    lately = tx.row("unlearned_lately", library=library["id"], limit=LATELY)
    assert lately, "aggregates have one row"
    return lately["groups"] >= MANY_UNFIT and not (lately["fit"] or lately["has_learned"])


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
        assert row is not None, "created in this transaction"
    elif row["task"] != submission.task:
        raise ConflictError(
            f"group {name!r} of library {library['name']!r} has a different task. A group holds "
            "attempts at one task: send the same task text, or use another group_id"
        )
    return row


def _fill_ground_truth(tx: Transaction, group: Row, submission: Submission) -> bool:
    truth = submission.ground_truth
    if truth is None or truth == group["ground_truth"]:
        return False
    if group["ground_truth"] is not None:
        raise ConflictError(
            f"group {group['name']!r} has a different ground_truth: omit it, or use another "
            "group_id"
        )
    tx.run("set_ground_truth", group_id=group["id"], ground_truth=truth)
    return True


@dataclass(frozen=True, slots=True)
class NamedAttempt:
    """An attempt with an id, its messages as stored, and their fingerprint."""

    trajectory: Trajectory
    messages: str
    digest: str


def named(trajectories: Sequence[Trajectory]) -> list[NamedAttempt]:
    """Give every attempt an id: its own, or one derived from its content.

    Equal attempts within one submission are different attempts, so they are numbered.
    """
    seen: Counter[str] = Counter()
    found: list[NamedAttempt] = []
    for trajectory in trajectories:
        messages = messages_to_json(trajectory.messages)
        digest = fingerprint(messages)
        if not trajectory.id:
            # the same content with another reward is another attempt
            key = hashlib.sha256(f"{trajectory.reward}\n{digest}".encode()).hexdigest()[:12]
            seen[key] += 1
            suffix = f"-{seen[key]}" if seen[key] > 1 else ""
            trajectory = replace(trajectory, id=f"a-{key}{suffix}")  # noqa: PLW2901  # now named
        found.append(NamedAttempt(trajectory, messages, digest))
    return found


def store_attempts(
    tx: Transaction, group: Row, attempts: Iterable[NamedAttempt]
) -> tuple[int, int]:
    """Store attempts; return how many are new, and how many got a late reward."""
    known: dict[str, Row] = {}
    if group["revision"]:
        known = {row["name"]: row for row in tx.rows("attempt_marks", group_id=group["id"])}
    fresh: dict[str, NamedAttempt] = {}
    scored = 0
    for attempt in attempts:
        id_ = attempt.trajectory.id
        twin = fresh.setdefault(id_, attempt) if id_ not in known else None
        if twin is None:
            scored += _compare_with_known(tx, known[id_], attempt)
        elif twin.trajectory != attempt.trajectory:
            raise _conflict(attempt.trajectory, "this submission has another one with this id")
    tx.run_many("make_attempt", (_columns(group["id"], a) for a in fresh.values()))
    return len(fresh), scored


def _compare_with_known(tx: Transaction, known: Row, attempt: NamedAttempt) -> int:
    trajectory = attempt.trajectory
    if known["digest"] != attempt.digest:
        raise _conflict(trajectory, "the stored attempt with this id has different content")
    if trajectory.reward is None or trajectory.reward == known["reward"]:
        return 0
    if known["reward"] is not None:
        raise _conflict(trajectory, f"it is already stored with reward {known['reward']:g}")
    tx.run(
        "score_attempt",
        attempt=known["id"],
        reward=trajectory.reward,
        feedback=trajectory.feedback,
    )
    return 1


def _conflict(trajectory: Trajectory, why: str) -> ConflictError:
    return ConflictError(
        f"trajectory {trajectory.id!r}: {why}. Use a new id for a different attempt"
    )


def _columns(group_id: int, attempt: NamedAttempt) -> Params:
    trajectory = attempt.trajectory
    return {
        "group_id": group_id,
        "name": trajectory.id,
        "messages": attempt.messages,
        "reward": trajectory.reward,
        "feedback": trajectory.feedback,
        "retrieval": trajectory.retrieval_id,
        "model": trajectory.model,
        "metadata": trajectory.metadata,
        "digest": attempt.digest,
        "now": now(),
    }
