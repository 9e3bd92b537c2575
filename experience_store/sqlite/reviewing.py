"""What waits for a person's word in SQLite: kept with its update, then published or not.

Proposals are operations of an update that belong to no version and were not refused. They are
checked again when they are published, against the version that is current then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from experience_store.errors import BadInputError, ConflictError
from experience_store.library import State
from experience_store.operations import (
    Application,
    Applied,
    Keep,
    Operation,
    Proposed,
    Refusal,
    apply,
    kind,
    touched_ids,
)
from experience_store.request_id import RequestId
from experience_store.sqlite import rows
from experience_store.sqlite.database import Row, Transaction, now
from experience_store.sqlite.versions import read_state, write_refusals, write_version
from experience_store.store import Decision, Review


def propose(tx: Transaction, library: Row, update_id: str, application: Application) -> None:
    """Keep what an update would do, and what was refused of it."""
    for applied in application.applied:
        tx.insert(
            "make_operation",
            library=library["id"],
            version=None,
            update_id=update_id,
            kind=kind(applied.operation),
            body=rows.from_operation(applied.operation),
            experience=None,  # which id it gets is known when it is published
            sources=rows.from_strings(applied.sources),
            refused=None,
        )
    write_refusals(tx, library, None, application, update_id)


def pending(tx: Transaction, update: Row) -> Review:
    """What an update proposes."""
    proposals = tx.rows("proposals", update_id=update["id"])
    operations = [rows.to_operation(row["kind"], row["body"]) for row in proposals]
    return Review(
        update_id=update["id"],
        driver=update["driver"],
        groups=len(tx.rows("update_groups", update_id=update["id"])),
        since=rows.to_time(update["changed_at"]),
        changes=tuple(o for o in operations if not isinstance(o, Keep)),
    )


def decide(tx: Transaction, update: Row, decision: Decision) -> None:
    """Publish what was chosen of an update's proposals and refuse the rest.

    Raises:
        ConflictError: If it does not wait for review.
        BadInputError: If something was chosen that is not there.
    """
    if update["status"] != "awaiting_review":
        raise ConflictError(f"update {update['id']} does not wait for review: {update['status']}")
    library = tx.row("library_by_id", library=update["library_id"])
    assert library is not None, "a foreign key keeps it"
    proposals = tx.rows("proposals", update_id=update["id"])
    taken, rejected = _chosen([_proposed(row) for row in proposals], decision)
    application = _applied(tx, library, update, taken)
    application = replace(application, refused=(*application.refused, *rejected))
    tx.run("forget_proposals", update_id=update["id"])
    version: int | None = None
    if application.changed:
        version = write_version(
            tx,
            library,
            application,
            author=decision.author,
            note=decision.note,
            update_id=update["id"],
        )
        tx.run("adopt_refusals", update_id=update["id"], version=version)
        _link_groups(tx, library, update, application.applied)
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


def _proposed(row: Row) -> Proposed:
    return Proposed(rows.to_operation(row["kind"], row["body"]), rows.to_strings(row["sources"]))


def _chosen(
    proposals: Sequence[Proposed], decision: Decision
) -> tuple[list[Proposed], list[Refusal]]:
    """What is to be published, with the confirmations; and the refusals of the rest."""
    changes = [p for p in proposals if not isinstance(p.operation, Keep)]
    numbers: Collection[int] = range(1, len(changes) + 1)
    chosen = numbers if decision.chosen is None else decision.chosen
    if unknown := [n for n in chosen if n not in numbers]:
        raise BadInputError(f"there is no change {unknown[0]}: it has 1 to {len(changes)}")
    why = f"{decision.author} did not want it when it was reviewed"
    taken = [p for n, p in enumerate(changes, start=1) if n in chosen]
    left = [p for n, p in enumerate(changes, start=1) if n not in chosen]
    taken += [p for p in proposals if isinstance(p.operation, Keep)]
    return taken, [Refusal(why, p.operation, sources=p.sources) for p in left]


def _applied(
    tx: Transaction, library: Row, update: Row, proposals: Sequence[Proposed]
) -> Application:
    """Proposals carried out on the current version, but for those that it has overtaken."""
    base = read_state(tx, library, rows.to_integers(update["bases"])[-1])
    head = read_state(tx, library, library["head"])
    fitting: list[Proposed] = []
    outdated: list[Refusal] = []
    for proposed in proposals:
        if changed := _changed_since(proposed.operation, base, head):
            why = f"{changed} was changed after this was proposed"
            outdated.append(Refusal(why, proposed.operation, sources=proposed.sources))
        else:
            fitting.append(proposed)
    application = apply(head, fitting, rows.to_policy(library["policy"]))
    return replace(application, refused=(*application.refused, *outdated))


def _changed_since(operation: Operation, base: State, head: State) -> str | None:
    ids = touched_ids(operation)
    return next((i for i in ids if base.by_id.get(i) != head.by_id.get(i)), None)


def _link_groups(tx: Transaction, library: Row, update: Row, applied: Sequence[Applied]) -> None:
    """Tie experiences to the groups whose comparisons proposed them."""
    groups = tx.rows("update_groups", update_id=update["id"])
    places = {str(RequestId.compare(group["position"])): group["group_id"] for group in groups}
    tx.run_many(
        "link_group",
        [
            {
                "library": library["id"],
                "number": rows.number_of(done.experience.id),
                "group_id": places[source],
            }
            for done in applied
            if done.experience is not None
            for source in done.sources
            if source in places
        ],
    )
