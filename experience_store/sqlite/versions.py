"""Versions of a library in SQLite: a chain, stored as differences.

Each wording of an experience is one row, valid from the version that introduced it until the one
that changed or removed it. A version's content is the rows valid at it; a new head is written by
closing the rows that change and opening new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from experience_store.errors import NotFoundError
from experience_store.library import Experience, State
from experience_store.operations import Application, Applied, kind
from experience_store.sqlite import rows
from experience_store.sqlite.database import Params, Row, Transaction, now


def check_version(library: Row, number: int) -> None:
    """Raise NotFoundError if the library has no such version."""
    if not 0 <= number <= library["head"]:
        raise NotFoundError(
            f"library {library['name']!r} has no version {number}; it has 0 to {library['head']}"
        )


def read_state(tx: Transaction, library: Row, version: int) -> State:
    """What the library held at a version."""
    found = tx.rows("entries_at", library=library["id"], version=version)
    experiences = tuple(rows.to_experience(row) for row in found)
    return State(library["name"], version, experiences, library["next_number"])


def write_version(
    tx: Transaction,
    library: Row,
    application: Application,
    *,
    author: str,
    note: str,
    update_id: str | None = None,
) -> int:
    """Write a new head: version, operations, refusals and entries; return its number."""
    number = library["head"] + 1
    state = application.state
    make_version(tx, library, number, len(state.experiences), author, note, update_id)
    current = read_state(tx, library, library["head"])
    made: dict[str, int] = {}
    for applied in application.applied:
        operation_id = write_operation(tx, library, number, applied, update_id)
        if applied.experience:
            made[applied.experience.id] = operation_id
    write_refusals(tx, library, number, application, update_id)
    _replace_entries(tx, library, number, current, state, made)
    _move_head(tx, library, number, len(state.experiences), state.next_id)
    return number


def restore_version(tx: Transaction, library: Row, to: int, *, author: str, note: str) -> int:
    """Write a new head that equals the older version `to`; return its number."""
    check_version(library, to)
    old = read_state(tx, library, to)
    number = library["head"] + 1
    make_version(tx, library, number, len(old.experiences), author, note)
    _replace_entries(tx, library, number, read_state(tx, library, library["head"]), old)
    _move_head(tx, library, number, len(old.experiences), library["next_number"])
    return number


def write_operation(
    tx: Transaction, library: Row, version: int | None, applied: Applied, update_id: str | None
) -> int:
    """Write an operation that was applied or, without a version, awaits review; its row id."""
    made = applied.experience if version is not None else None  # before that it has no id
    return tx.insert(
        "make_operation",
        library=library["id"],
        version=version,
        update_id=update_id,
        kind=kind(applied.operation),
        body=rows.from_operation(applied.operation),
        experience=rows.number_of(made.id) if made else None,
        sources=rows.from_strings(applied.sources),
        refused=None,
    )


def write_refusals(
    tx: Transaction,
    library: Row,
    version: int | None,
    application: Application,
    update_id: str | None,
) -> None:
    """Write the operations that were refused."""
    for refusal in application.refused:
        kind_, body = rows.refused_columns(refusal)
        tx.insert(
            "make_operation",
            library=library["id"],
            version=version,
            update_id=update_id,
            kind=kind_,
            body=body,
            experience=None,
            sources=rows.from_strings(refusal.sources),
            refused=refusal.reason,
        )


def make_version(
    tx: Transaction,
    library: Row,
    number: int,
    size: int,
    author: str,
    note: str,
    update_id: str | None = None,
) -> None:
    """Write the record of a version, without its entries."""
    tx.run(
        "make_version",
        library=library["id"],
        number=number,
        parent=None if number == 0 else number - 1,
        author=author,
        note=note,
        size=size,
        update_id=update_id,
        now=now(),
    )


def _move_head(tx: Transaction, library: Row, head: int, size: int, next_id: int) -> None:
    tx.run("move_head", library=library["id"], head=head, size=size, next_number=next_id)


def _replace_entries(
    tx: Transaction,
    library: Row,
    version: int,
    before: State,
    after: State,
    made: Mapping[str, int] | None = None,
) -> None:
    """Close the entries that change or disappear, open those that change or are new."""
    old, new = before.by_id, after.by_id
    closed = [i for i, e in old.items() if new.get(i) != e]
    opened = [e for i, e in new.items() if old.get(i) != e]
    key = {"library": library["id"]}
    tx.run_many(
        "close_entry", ({**key, "version": version, "number": rows.number_of(i)} for i in closed)
    )
    tx.run_many("open_entry", _openings(key["library"], version, opened, made or {}))


def _openings(
    library: int, version: int, experiences: Iterable[Experience], made: Mapping[str, int]
) -> Iterable[Params]:
    for experience in experiences:
        yield {
            "library": library,
            "since": version,
            "number": rows.number_of(experience.id),
            "name": experience.name,
            "text": experience.text,
            "operation": made.get(experience.id),
        }
