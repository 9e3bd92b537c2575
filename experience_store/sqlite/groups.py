"""Groups and attempts in SQLite."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from experience_store.errors import ConflictError, NotFoundError
from experience_store.library import Policy
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Row, Transaction, Value, now
from experience_store.sqlite.libraries import SqliteLibraries, ensure_library
from experience_store.store import (
    MAX_FAILURES,
    GroupCounts,
    GroupInfo,
    Receipt,
    Submission,
)
from experience_store.trajectory import (
    Group,
    Message,
    ToolCall,
    Trajectory,
    fingerprint,
    messages_to_json,
)

LARGE = 200_000  # characters of a submission


class SqliteGroups:
    """Implements `experience_store.store.Groups`."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    async def submit(self, library: str, submission: Submission) -> Receipt:
        """Store attempts; what is there already changes nothing."""
        if _size(submission) > LARGE:  # which can take long, and others are waiting
            clean, redacted = await asyncio.to_thread(redacted_submission, submission)
        else:
            clean, redacted = redacted_submission(submission)
        named = _named(clean.trajectories)
        async with self._db.transaction() as tx:
            row = await ensure_library(tx, library)
            group = await _ensure_group(tx, row, clean)
            filled = await _fill_ground_truth(tx, group, clean)
            added, scored = await _store_attempts(tx, group, named)
            after: Row | None = group
            if added or scored or filled:
                after = await tx.row("recount_group", group_id=group["id"], now=now())
            policy = rows.to_policy(row["policy"])
            waiting = await tx.row("waiting_count", **waiting_params(row["id"], policy))
        assert after is not None and waiting is not None, "written in this transaction"  # noqa: PT018  # one reason
        return Receipt(
            group_id=after["name"],
            trajectories=after["attempts"],
            added=added,
            known=len(named) - added - scored,
            scored=scored,
            signal=_signal(after, policy),
            will_be_learned=_learnable(after, policy),
            waiting=waiting["waiting"],
            redacted=redacted,
            min_spread=policy.min_spread,
        )

    async def get(self, library: str, group_id: str) -> Group:
        """A group with its attempts."""
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

    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        """Groups in the order they came, `after` so many."""
        library_row = await self._libraries.row(library)
        policy = rows.to_policy(library_row["policy"])
        found = await self._db.rows("groups", library=library_row["id"], after=after, limit=limit)
        return tuple(
            GroupInfo(
                id=row["name"],
                task=row["task"],
                attempts=row["attempts"],
                scored=row["scored"],
                signal=_signal(row, policy),
                learned=row["learned"] > 0,
                failure=row["failure"],
                created_at=rows.to_time(row["created_at"]),
            )
            for row in found
        )

    async def counts(self, library: str) -> GroupCounts:
        """How many there are, and how they stand."""
        row = await self._libraries.row(library)
        policy = rows.to_policy(row["policy"])
        all_ = await self._db.row(
            "group_counts",
            library=row["id"],
            min_spread=policy.min_spread,
            max_failures=MAX_FAILURES,
        )
        waiting = await self._db.row("waiting_count", **waiting_params(row["id"], policy))
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

    async def retry_set_aside(self, library: str) -> int:
        """Let updates take again the groups that failed too often; how many there were."""
        row = await self._libraries.row(library)
        async with self._db.transaction() as tx:
            return await tx.run("retry_set_aside", library=row["id"], max_failures=MAX_FAILURES)


def _size(submission: Submission) -> int:
    return sum(len(m.text) for t in submission.trajectories for m in t.messages)


def waiting_params(library: int, policy: Policy) -> dict[str, Value]:
    """Parameters of the queries for groups that wait to be learned from."""
    return {
        "library": library,
        "min_spread": policy.min_spread,
        "unrewarded": int(policy.learn_without_rewards),
        "max_failures": MAX_FAILURES,
    }


def redacted_submission(submission: Submission) -> tuple[Submission, int]:
    """The submission without secrets, and how many were removed."""
    from experience_store.trust.redaction import redact  # noqa: PLC0415  # not before it is needed: start-up

    redactor = _Redactor(redact)
    clean = replace(
        submission,
        task=redactor.text(submission.task),
        ground_truth=redactor.optional(submission.ground_truth),
        trajectories=tuple(redactor.trajectory(t) for t in submission.trajectories),
    )
    return clean, redactor.count


class _Redactor:
    def __init__(self, redact: Callable[[str], tuple[str, int]]) -> None:
        self._redact = redact
        self.count = 0

    def text(self, text: str) -> str:
        clean, found = self._redact(text)
        self.count += found
        return clean

    def optional(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def trajectory(self, trajectory: Trajectory) -> Trajectory:
        """The attempt without secrets. Most have none, as one look at all its texts tells."""
        if not self._redact("\0".join(_texts(trajectory)))[1]:
            return trajectory
        return replace(
            trajectory,
            messages=tuple(self.message(m) for m in trajectory.messages),
            feedback=self.optional(trajectory.feedback),
            metadata=self.optional(trajectory.metadata),
        )

    def message(self, message: Message) -> Message:
        calls = tuple(
            ToolCall(self.text(c.name), self.text(c.arguments), c.id) for c in message.tool_calls
        )
        return replace(
            message,
            text=self.text(message.text),
            tool_calls=calls,
            name=self.optional(message.name),
        )


def _texts(trajectory: Trajectory) -> Iterator[str]:
    """All that the redactor looks at, without the NULs that are to stand between."""
    for message in trajectory.messages:
        yield message.text.replace("\0", " ")
        yield message.name or ""
        for call in message.tool_calls:
            yield call.name
            yield call.arguments.replace("\0", " ")
    yield trajectory.feedback or ""
    yield trajectory.metadata or ""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt with an id, its messages as they are stored, and their fingerprint."""

    trajectory: Trajectory
    messages: str
    digest: str


def _named(trajectories: Sequence[Trajectory]) -> list[_Attempt]:
    """Every attempt with an id: its own, or one that equal content gets again.

    Equal attempts within one submission are different attempts, so they are counted.
    """
    seen: Counter[str] = Counter()
    named: list[_Attempt] = []
    for trajectory in trajectories:
        messages = messages_to_json(trajectory.messages)
        digest = fingerprint(messages)
        if not trajectory.id:
            # the same words with another reward are another attempt
            key = hashlib.sha256(f"{trajectory.reward}\n{digest}".encode()).hexdigest()[:12]
            seen[key] += 1
            suffix = f"-{seen[key]}" if seen[key] > 1 else ""
            trajectory = replace(trajectory, id=f"a-{key}{suffix}")  # noqa: PLW2901  # now named
        named.append(_Attempt(trajectory, messages, digest))
    return named


async def _ensure_group(tx: Transaction, library: Row, submission: Submission) -> Row:
    name = submission.group_id or f"group-{secrets.token_hex(6)}"
    row = None
    if submission.group_id:
        row = await tx.row("group", library=library["id"], name=name)
    if row is None:
        row = await tx.row(
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
            f"group {name!r} of library {library['name']!r} has another task "
            f"({_start(row['task'])}). A group holds attempts at one task: send the same task "
            "text, or use another group_id. Nothing was stored."
        )
    return row


async def _fill_ground_truth(tx: Transaction, group: Row, submission: Submission) -> bool:
    truth = submission.ground_truth
    if truth is None or truth == group["ground_truth"]:
        return False
    if group["ground_truth"] is not None:
        raise ConflictError(
            f"group {group['name']!r} has another ground_truth ({_start(group['ground_truth'])}). "
            "Leave it out, or use another group_id. Nothing was stored."
        )
    await tx.run("set_ground_truth", group_id=group["id"], ground_truth=truth)
    return True


async def _store_attempts(
    tx: Transaction, group: Row, attempts: Iterable[_Attempt]
) -> tuple[int, int]:
    """How many attempts are new, and how many got their reward late."""
    known: dict[str, Row] = {}
    if group["revision"]:
        known = {row["name"]: row for row in await tx.rows("attempt_marks", group_id=group["id"])}
    fresh: dict[str, _Attempt] = {}
    scored = 0
    for attempt in attempts:
        id_ = attempt.trajectory.id
        twin = fresh.setdefault(id_, attempt) if id_ not in known else None
        if twin is None:
            scored += await _compare_with_known(tx, known[id_], attempt)
        elif twin.trajectory != attempt.trajectory:
            raise _conflict(attempt.trajectory, "this submission has two of this id")
    await tx.run_many("make_attempt", (_columns(group["id"], a) for a in fresh.values()))
    return len(fresh), scored


async def _compare_with_known(tx: Transaction, known: Row, attempt: _Attempt) -> int:
    trajectory = attempt.trajectory
    if known["digest"] != attempt.digest:
        raise _conflict(trajectory, "the stored attempt of this id has another content")
    if trajectory.reward is None or trajectory.reward == known["reward"]:
        return 0
    if known["reward"] is not None:
        raise _conflict(trajectory, f"it is stored with reward {known['reward']:g}")
    await tx.run(
        "score_attempt",
        attempt=known["id"],
        reward=trajectory.reward,
        feedback=trajectory.feedback,
    )
    return 1


def _conflict(trajectory: Trajectory, why: str) -> ConflictError:
    return ConflictError(
        f"trajectory {trajectory.id!r}: {why}. Give another attempt another id. Nothing was stored."
    )


def _columns(group_id: int, attempt: _Attempt) -> dict[str, Value]:
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


def _signal(row: Row, policy: Policy) -> bool:
    return row["best"] is not None and row["best"] - row["worst"] > policy.min_spread


def _learnable(row: Row, policy: Policy) -> bool:
    unrewarded = policy.learn_without_rewards and row["scored"] == 0 and row["attempts"] > 1
    return row["revision"] > row["learned"] and (_signal(row, policy) or unrewarded)


def _start(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")  # noqa: PLR2004  # a glimpse
