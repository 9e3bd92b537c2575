"""The end of an update in SQLite: published, or kept for review and then published or rejected.

Publishing is one transaction on the head that the update was made from: the version, its
provenance, and the groups it learned from. If the head has moved, the learner decides what becomes
of the operations.

Proposals that await review are operations of an update without a version and without a reason for
refusal. Publishing validates them again, against the version that is current then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from experience_store.errors import BadInputError, ConflictError, HeadMovedError
from experience_store.library import Policy, State
from experience_store.operations import (
    Application,
    Applied,
    Keep,
    Operation,
    Proposed,
    Refusal,
    apply,
    touched_ids,
)
from experience_store.request_id import RequestId
from experience_store.sqlite import rows
from experience_store.sqlite.database import Row, Transaction, now
from experience_store.sqlite.versions import (
    read_state,
    write_operation,
    write_refusals,
    write_version,
)
from experience_store.store import MAX_ROUNDS, Decision, Publication, Review

_AWAITING = "its changes await a person's review"


def publish(tx: Transaction, update: Row, publication: Publication) -> None:
    """Close an open update with its result; raises HeadMovedError."""
    library = _library(tx, update)
    if library["head"] != publication.base:
        raise HeadMovedError
    application = publication.application
    version: int | None = None
    status, reason = _status(publication)
    held = _held(application, rows.to_policy(library["policy"]))
    if application.changed and held:
        _propose(tx, library, update["id"], application)
        status, reason = "awaiting_review", held
    elif application.changed:
        version = _write(tx, library, update, application, publication.author, publication.note)
    else:
        write_refusals(tx, library, None, application, update["id"])
    _mark_groups(tx, library, update, publication)
    tx.run(
        "close_update", id=update["id"], status=status, version=version, reason=reason, now=now()
    )


def _held(application: Application, policy: Policy) -> str | None:
    """Why a person decides on the changes, or None if they are published at once."""
    if policy.review:
        return _AWAITING
    excess = application.excess()
    return f"{_AWAITING}: {excess}" if excess else None


def pending(tx: Transaction, update: Row) -> Review:
    """The changes that an update proposes."""
    operations = [proposed.operation for proposed in _proposals(tx, update)]
    return Review(
        update_id=update["id"],
        driver=update["driver"],
        groups=len(tx.rows("update_groups", update_id=update["id"])),
        since=rows.to_time(update["changed_at"]),
        changes=tuple(o for o in operations if not isinstance(o, Keep)),
        reason=update["reason"] or "",
    )


def decide(tx: Transaction, update: Row, decision: Decision) -> None:
    """Publish the chosen changes of an update and refuse the rest.

    Raises:
        ConflictError: If the update is not awaiting review.
        BadInputError: If a chosen change does not exist.
    """
    if update["status"] != "awaiting_review":
        raise ConflictError(f"update {update['id']} is not awaiting review: {update['status']}")
    library = _library(tx, update)
    taken, rejected = _chosen(_proposals(tx, update), decision)
    application = _applied(tx, library, update, taken)
    application = replace(application, refused=(*application.refused, *rejected))
    tx.run("forget_proposals", update_id=update["id"])
    version: int | None = None
    if application.changed:
        version = _write(tx, library, update, application, decision.author, decision.note)
        tx.run("adopt_refusals", update_id=update["id"], version=version)
    else:
        write_refusals(tx, library, None, application, update["id"])
    reasons = "; ".join(sorted({r.reason for r in application.refused}))
    tx.run(
        "close_review",
        id=update["id"],
        status="published" if version is not None else "rejected",
        version=version,
        reason=None if version is not None else reasons,
        now=now(),
    )


def _library(tx: Transaction, update: Row) -> Row:
    library = tx.row("library_by_id", library=update["library_id"])
    assert library is not None, "a foreign key keeps it"
    return library


def _write(
    tx: Transaction, library: Row, update: Row, application: Application, author: str, note: str
) -> int:
    """Write the version of an update, and link its experiences to their groups."""
    version = write_version(
        tx, library, application, author=author, note=note, update_id=update["id"]
    )
    _link_groups(tx, library, update, application.applied)
    return version


def _link_groups(tx: Transaction, library: Row, update: Row, applied: Sequence[Applied]) -> None:
    """Link experiences to the groups whose comparisons proposed them."""
    groups = tx.rows("update_groups", update_id=update["id"])
    compared = {str(RequestId.compare(group["position"])): group["group_id"] for group in groups}
    tx.run_many(
        "link_group",
        [
            {
                "library": library["id"],
                "number": rows.number_of(done.experience.id),
                "group_id": compared[source],
            }
            for done in applied
            if done.experience is not None
            for source in done.sources
            if source in compared
        ],
    )


def _mark_groups(tx: Transaction, library: Row, update: Row, publication: Publication) -> None:
    rounds = {r["name"]: r["rounds"] for r in tx.rows("requests", update_id=update["id"])}
    offered = {
        "learner": publication.learner,
        "policy": update["policy"] or library["policy"],  # older updates have none
    }
    for group in tx.rows("update_groups", update_id=update["id"]):
        key = {"group_id": group["group_id"], "revision": group["revision"]}
        if group["name"] in publication.failed:
            comparison = str(RequestId.compare(group["position"]))
            final = rounds.get(comparison, 0) >= MAX_ROUNDS
            failure = publication.failed[group["name"]]
            tx.run("group_failed", failure=failure, final=final, **key)
            tx.run("note_set_aside", **offered, **key)
        elif group["name"] in publication.learned:
            tx.run("group_learned", **key)


def _status(
    publication: Publication,
) -> tuple[Literal["published", "nothing_to_learn", "failed", "awaiting_review"], str | None]:
    if publication.application.changed:
        return "published", None
    if publication.failed and not publication.learned:
        return "failed", "; ".join(sorted(set(publication.failed.values())))
    if publication.application.refused:
        reasons = sorted({r.reason for r in publication.application.refused})
        return "nothing_to_learn", f"all proposals were refused: {'; '.join(reasons)}"
    return "nothing_to_learn", "the comparisons found nothing that is both general and new"


def _propose(tx: Transaction, library: Row, update_id: str, application: Application) -> None:
    """Keep the operations of an update for review, and its refusals."""
    for applied in application.applied:
        write_operation(tx, library, None, applied, update_id)
    write_refusals(tx, library, None, application, update_id)


def _proposals(tx: Transaction, update: Row) -> list[Proposed]:
    return [
        Proposed(rows.to_operation(row["kind"], row["body"]), rows.to_strings(row["sources"]))
        for row in tx.rows("proposals", update_id=update["id"])
    ]


def _chosen(
    proposals: Sequence[Proposed], decision: Decision
) -> tuple[list[Proposed], list[Refusal]]:
    """The proposals to publish, Keeps included, and refusals of the others."""
    changes = [p for p in proposals if not isinstance(p.operation, Keep)]
    numbers: Collection[int] = range(1, len(changes) + 1)
    chosen = numbers if decision.chosen is None else decision.chosen
    if unknown := [n for n in chosen if n not in numbers]:
        raise BadInputError(f"change {unknown[0]} does not exist: use 1 to {len(changes)}")
    taken = [p for n, p in enumerate(changes, start=1) if n in chosen]
    left = [p for n, p in enumerate(changes, start=1) if n not in chosen]
    taken += [p for p in proposals if isinstance(p.operation, Keep)]
    why = f"rejected in review by {decision.author}"
    why += f": {decision.reason}" if decision.reason else ""
    return taken, [Refusal(why, p.operation, sources=p.sources) for p in left]


def _applied(
    tx: Transaction, library: Row, update: Row, proposals: Sequence[Proposed]
) -> Application:
    """Proposals applied to the current version; those it has overtaken are refused."""
    base = read_state(tx, library, rows.to_integers(update["bases"])[-1])
    head = read_state(tx, library, library["head"])
    fitting: list[Proposed] = []
    outdated: list[Refusal] = []
    for proposed in proposals:
        if changed := _changed_since(proposed.operation, base, head):
            why = f"{changed} changed after this was proposed"
            outdated.append(Refusal(why, proposed.operation, sources=proposed.sources))
        else:
            fitting.append(proposed)
    application = apply(head, fitting, rows.to_policy(library["policy"]))
    return replace(application, refused=(*application.refused, *outdated))


def _changed_since(operation: Operation, base: State, head: State) -> str | None:
    ids = touched_ids(operation)
    return next((i for i in ids if base.by_id.get(i) != head.by_id.get(i)), None)
