"""Attempts in SQLite: what is the same as before, what is new, what contradicts.

An attempt is known by its id, and one without gets an id that the same content gets again. So a
retry changes nothing, a late reward is filled in, and another content or another reward under the
same id is refused.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from experience_store.errors import ConflictError
from experience_store.sqlite.database import Row, Transaction, Value, now
from experience_store.trajectory import Trajectory, fingerprint, messages_to_json


@dataclass(frozen=True, slots=True)
class NamedAttempt:
    """An attempt with an id, its messages as they are stored, and their fingerprint."""

    trajectory: Trajectory
    messages: str
    digest: str


def named(trajectories: Sequence[Trajectory]) -> list[NamedAttempt]:
    """Every attempt with an id: its own, or one that equal content gets again.

    Equal attempts within one submission are different attempts, so they are counted.
    """
    seen: Counter[str] = Counter()
    found: list[NamedAttempt] = []
    for trajectory in trajectories:
        messages = messages_to_json(trajectory.messages)
        digest = fingerprint(messages)
        if not trajectory.id:
            # the same words with another reward are another attempt
            key = hashlib.sha256(f"{trajectory.reward}\n{digest}".encode()).hexdigest()[:12]
            seen[key] += 1
            suffix = f"-{seen[key]}" if seen[key] > 1 else ""
            trajectory = replace(trajectory, id=f"a-{key}{suffix}")  # noqa: PLW2901  # now named
        found.append(NamedAttempt(trajectory, messages, digest))
    return found


def store_attempts(
    tx: Transaction, group: Row, attempts: Iterable[NamedAttempt]
) -> tuple[int, int]:
    """How many attempts are new, and how many got their reward late."""
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
            raise _conflict(attempt.trajectory, "this submission has two of this id")
    tx.run_many("make_attempt", (_columns(group["id"], a) for a in fresh.values()))
    return len(fresh), scored


def _compare_with_known(tx: Transaction, known: Row, attempt: NamedAttempt) -> int:
    trajectory = attempt.trajectory
    if known["digest"] != attempt.digest:
        raise _conflict(trajectory, "the stored attempt of this id has another content")
    if trajectory.reward is None or trajectory.reward == known["reward"]:
        return 0
    if known["reward"] is not None:
        raise _conflict(trajectory, f"it is stored with reward {known['reward']:g}")
    tx.run(
        "score_attempt",
        attempt=known["id"],
        reward=trajectory.reward,
        feedback=trajectory.feedback,
    )
    return 1


def _conflict(trajectory: Trajectory, why: str) -> ConflictError:
    return ConflictError(f"trajectory {trajectory.id!r}: {why}. Give another attempt another id")


def _columns(group_id: int, attempt: NamedAttempt) -> dict[str, Value]:
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
