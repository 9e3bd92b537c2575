"""Export and import of libraries in SQLite, each in one transaction; the export reads rows here."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

from typing_extensions import override

from experience_store.archive.format import (
    LEFT_OUT,
    AnswerRecord,
    Archive,
    ArchivedUpdate,
    AttemptRecord,
    GroupRecord,
    LibraryRecord,
    LinkRecord,
    OperationRecord,
    RequestRecord,
    RetrievalRecord,
    RewardRecord,
    UpdateGroupRecord,
    VersionRecord,
    WordingRecord,
)
from experience_store.archive.validation import check
from experience_store.errors import ConflictError, LibraryNotFoundError, StorageError
from experience_store.library import Library, check_library_name
from experience_store.operations import Add, Merge, Revise, touched_ids
from experience_store.sqlite import rows
from experience_store.sqlite.archive_import import LibraryImport
from experience_store.sqlite.database import Database, Row, Transaction
from experience_store.sqlite.libraries import SqliteLibraries
from experience_store.store import MAX_FAILURES, Archives
from experience_store.trajectory import messages_from_json

_REASON_LEFT_OUT = "its attempts were left out of the export"


class SqliteArchives(Archives):
    """`Archives` in SQLite."""

    def __init__(self, database: Database, libraries: SqliteLibraries) -> None:
        self._db = database
        self._libraries = libraries

    @override
    async def export(self, name: str, *, attempts: bool) -> Archive:
        def work(tx: Transaction) -> Archive:
            row = tx.row("library", name=name)
            if row is None:
                raise LibraryNotFoundError(f"library {name!r} does not exist any more")
            return LibraryExport(tx, row, attempts=attempts).archive()

        await self._libraries.row(name)
        return await self._db.read(work)

    @override
    async def import_library(self, archive: Archive, name: str) -> Library:
        check(archive)
        check_library_name(name)

        def work(tx: Transaction) -> Library:
            if tx.row("library", name=name) is not None:
                raise ConflictError(f"library {name!r} already exists")
            LibraryImport(tx, archive, name).write()
            row = tx.row("library", name=name)
            assert row is not None, "created in this transaction"
            return rows.to_library(row)

        try:
            return await self._db.write(work)
        except sqlite3.Error as error:
            raise StorageError(f"the library could not be stored: {error}") from error


class LibraryExport:
    """Reads one library, for one export.

    Without their attempts, groups cannot be learned from elsewhere. So waiting groups are set aside
    and open updates are closed, with that as the reason.
    """

    def __init__(self, tx: Transaction, library: Row, *, attempts: bool) -> None:
        self._tx = tx
        self._library = library
        self._attempts = attempts

    def archive(self) -> Archive:
        """The whole library."""
        operations = self._rows("export_operations")
        places = {operation["id"]: place for place, operation in enumerate(operations)}
        attempts = self._rows("export_attempts")
        return Archive(
            attempts_included=self._attempts,
            library=_library(self._library),
            versions=tuple(_version(row) for row in self._rows("export_versions")),
            operations=tuple(_operation(row) for row in operations),
            wordings=tuple(_wording(row, places) for row in self._rows("export_wordings")),
            groups=self._groups(attempts),
            links=tuple(
                LinkRecord(experience=rows.id_of(row["number"]), group=row["name"])
                for row in self._rows("export_links")
            ),
            updates=self._updates({a["id"]: a["name"] for a in attempts}),
            retrievals=tuple(_retrieval(row) for row in self._rows("export_retrievals")),
        )

    def _rows(self, query: str) -> list[Row]:
        return self._tx.rows(query, library=self._library["id"])

    def _groups(self, attempts: Sequence[Row]) -> tuple[GroupRecord, ...]:
        by_group: defaultdict[int, list[Row]] = defaultdict(list)
        for row in attempts:
            by_group[row["group_id"]].append(row)
        return tuple(self._group(row, by_group[row["id"]]) for row in self._rows("export_groups"))

    def _group(self, row: Row, attempts: Sequence[Row]) -> GroupRecord:
        set_aside = not self._attempts and bool(row["learnable"])
        return GroupRecord(
            id=row["name"],
            task=row["task"],
            ground_truth=row["ground_truth"],
            revision=row["revision"],
            learned=row["learned"],
            failures=MAX_FAILURES if set_aside else row["failures"],
            failure=_REASON_LEFT_OUT if set_aside else row["failure"],
            created_at=row["created_at"],
            changed_at=row["changed_at"],
            attempts=tuple(self._attempt(a) for a in attempts),
        )

    def _attempt(self, row: Row) -> AttemptRecord:
        return AttemptRecord(
            id=row["name"],
            messages=messages_from_json(row["messages"]) if self._attempts else None,
            reward=row["reward"],
            feedback=row["feedback"],
            retrieval_id=row["retrieval"],
            model=row["model"],
            metadata=row["metadata"],
            digest=row["digest"],
            created_at=row["created_at"],
        )

    def _updates(self, attempts: Mapping[int, str]) -> tuple[ArchivedUpdate, ...]:
        return tuple([self._update(row, attempts) for row in self._rows("export_updates")])

    def _update(self, row: Row, attempts: Mapping[int, str]) -> ArchivedUpdate:
        key = row["id"]
        closed = not self._attempts and row["status"] == "open"
        return ArchivedUpdate(
            id=key,
            driver=row["driver"],
            status="failed" if closed else row["status"],
            bases=rows.to_integers(row["bases"]),
            version=row["version"],
            reason=_REASON_LEFT_OUT if closed else row["reason"],
            created_at=row["created_at"],
            changed_at=row["changed_at"],
            groups=tuple(
                _update_group(g, attempts) for g in self._tx.rows("update_groups", update_id=key)
            ),
            requests=tuple(self._request(r) for r in self._tx.rows("requests", update_id=key)),
            answers=tuple(_answer(a) for a in self._tx.rows("answers", update_id=key)),
        )

    def _request(self, row: Row) -> RequestRecord:
        kept = self._attempts and row["prompt"] != LEFT_OUT
        return RequestRecord(
            id=row["name"],
            prompt=row["prompt"] if kept else None,
            asked_at=row["asked_at"],
            failed=row["failed"],
        )


def _library(row: Row) -> LibraryRecord:
    return LibraryRecord(
        name=row["name"],
        agent_objective=row["agent_objective"],
        learning_objective=row["learning_objective"],
        policy=rows.to_policy(row["policy"]),
        head=row["head"],
        next_id=row["next_number"],
        created_at=row["created_at"],
    )


def _version(row: Row) -> VersionRecord:
    return VersionRecord(
        number=row["number"],
        parent=row["parent"],
        author=row["author"],
        note=row["note"],
        size=row["size"],
        update_id=row["update_id"],
        created_at=row["created_at"],
    )


def _operation(row: Row) -> OperationRecord:
    operation = rows.to_operation(row["kind"], row["body"]) if row["kind"] is not None else None
    worded = operation if isinstance(operation, Add | Revise | Merge) else None
    return OperationRecord(
        version=row["version"],
        update_id=row["update_id"],
        kind=row["kind"],
        ids=touched_ids(operation) if operation else (),
        name=worded.name if worded else None,
        text=worded.text if worded else None,
        raw=None if operation else row["body"],
        experience=rows.id_of(row["experience"]) if row["experience"] is not None else None,
        sources=rows.to_strings(row["sources"]),
        refused=row["refused"],
    )


def _wording(row: Row, places: Mapping[int, int]) -> WordingRecord:
    return WordingRecord(
        id=rows.id_of(row["number"]),
        since=row["since"],
        until=row["until"],
        name=row["name"],
        text=row["text"],
        operation=places[row["operation_id"]] if row["operation_id"] is not None else None,
    )


def _update_group(row: Row, attempts: Mapping[int, str]) -> UpdateGroupRecord:
    relevant = row["relevant"]
    return UpdateGroupRecord(
        group=row["name"],
        revision=row["revision"],
        attempts=tuple(
            RewardRecord(attempt=attempts[id_], reward=reward)
            for id_, reward in rows.to_rewards(row["attempts"]).items()
        ),
        relevant=rows.to_strings(relevant) if relevant is not None else None,
    )


def _answer(row: Row) -> AnswerRecord:
    return AnswerRecord(
        request=row["request"],
        text=row["text"],
        refused=row["refused"],
        model=row["model"],
        prompt_tokens=row["prompt_tokens"],
        cached_tokens=row["cached_tokens"],
        completion_tokens=row["completion_tokens"],
        cost=row["cost"],
        created_at=row["created_at"],
    )


def _retrieval(row: Row) -> RetrievalRecord:
    return RetrievalRecord(
        id=row["id"],
        version=row["version"],
        task=row["task"],
        served=rows.to_strings(row["served"]),
        created_at=row["created_at"],
    )
