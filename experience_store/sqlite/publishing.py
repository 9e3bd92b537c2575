"""The end of an update in SQLite: the version, its provenance, and the groups learned from.

All of it is one transaction on the head that the update was made from; if the head has moved, it
is for the learner to say what becomes of the operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from experience_store.errors import HeadMovedError
from experience_store.sqlite import rows
from experience_store.sqlite.database import Row, Transaction, now
from experience_store.sqlite.reviewing import propose
from experience_store.sqlite.versions import write_refusals, write_version
from experience_store.store import Publication

_AWAITING = "awaiting_review", "what it would change waits for a person's review"


def publish(tx: Transaction, update: Row, publication: Publication) -> None:
    """Close an open update with what it comes to; raises HeadMovedError."""
    library = tx.row("library_by_id", library=update["library_id"])
    assert library is not None, "a foreign key keeps it"
    application = publication.application
    if library["head"] != publication.base:
        raise HeadMovedError
    version: int | None = None
    review = application.changed and rows.to_policy(library["policy"]).review
    if review:
        propose(tx, library, update["id"], application)
    elif application.changed:
        version = write_version(
            tx,
            library,
            application,
            author=publication.author,
            note=publication.note,
            update_id=update["id"],
        )
    else:
        write_refusals(tx, library, None, application, update["id"])
    groups = tx.rows("update_groups", update_id=update["id"])
    if not review:
        _link_groups(tx, library, groups, publication)
    _mark_groups(tx, groups, publication)
    status, reason = _AWAITING if review else _status(publication)
    tx.run(
        "close_update", id=update["id"], status=status, version=version, reason=reason, now=now()
    )


def _link_groups(
    tx: Transaction, library: Row, groups: Sequence[Row], publication: Publication
) -> None:
    row_ids = {group["name"]: group["group_id"] for group in groups}
    for applied, behind in zip(
        publication.application.applied, publication.groups_behind, strict=True
    ):
        if applied.experience is None:
            continue
        number = rows.number_of(applied.experience.id)
        tx.run_many(
            "link_group",
            (
                {"library": library["id"], "number": number, "group_id": row_ids[name]}
                for name in behind
            ),
        )


def _mark_groups(tx: Transaction, groups: Sequence[Row], publication: Publication) -> None:
    for group in groups:
        key = {"group_id": group["group_id"], "revision": group["revision"]}
        if group["name"] in publication.failed:
            tx.run("group_failed", failure=publication.failed[group["name"]], **key)
        elif group["name"] in publication.learned:
            tx.run("group_learned", **key)


def _status(
    publication: Publication,
) -> tuple[Literal["published", "nothing_to_learn", "failed"], str | None]:
    if publication.application.changed:
        return "published", None
    if publication.failed and not publication.learned:
        return "failed", "; ".join(sorted(set(publication.failed.values())))
    if publication.application.refused:
        reasons = sorted({r.reason for r in publication.application.refused})
        return "nothing_to_learn", f"every proposal was refused: {'; '.join(reasons)}"
    return "nothing_to_learn", "the comparisons found nothing that is general and new"
