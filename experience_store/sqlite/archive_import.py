"""Writes a library into SQLite from validated records."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence

from experience_store.archive.format import (
    LEFT_OUT,
    STAND_IN,
    Archive,
    ArchivedUpdate,
    AttemptRecord,
    GroupRecord,
    OperationRecord,
    UpdateGroupRecord,
)
from experience_store.sqlite import rows
from experience_store.sqlite.database import Params, Transaction
from experience_store.sqlite.libraries import next_serial
from experience_store.trajectory import messages_to_json


class LibraryImport:
    """Writes one archive under an unused name, for one import."""

    def __init__(self, tx: Transaction, archive: Archive, name: str) -> None:
        self._tx = tx
        self._archive = archive
        self._name = name
        self._library = 0
        self._update_ids: Mapping[str, str] = {}
        self._retrieval_ids: Mapping[str, str] = {}
        self._groups: dict[str, int] = {}
        self._attempts: dict[tuple[str, str], int] = {}

    def write(self) -> None:
        """Write the whole library."""
        archive = self._archive
        self._update_ids = self._free_ids("update", [u.id for u in archive.updates])
        self._retrieval_ids = self._free_ids("r", [r.id for r in archive.retrievals])
        self._write_library()
        self._write_versions()
        self._write_wordings(self._write_operations())
        for group in archive.groups:
            self._write_group(group)
        self._write_links()
        for update in archive.updates:
            self._write_update(update)
        self._write_retrievals()

    def _free_ids(self, kind: str, ids: Sequence[str]) -> Mapping[str, str]:
        """The ids to store these under: themselves, or new ones where taken in this database."""
        query = "taken_updates" if kind == "update" else "taken_retrievals"
        taken = {r["id"] for r in self._tx.rows(query, ids=rows.from_strings(ids))}
        return {id_: f"{kind}-{secrets.token_hex(6)}" if id_ in taken else id_ for id_ in ids}

    def _update_id(self, id_: str | None) -> str | None:
        return None if id_ is None else self._update_ids[id_]

    def _write_library(self) -> None:
        library = self._archive.library
        self._library = self._tx.insert(
            "import_library",
            id=next_serial(self._tx),
            name=self._name,
            agent_objective=library.agent_objective,
            learning_objective=library.learning_objective,
            policy=rows.from_policy(library.policy),
            head=library.head,
            size=self._archive.versions[-1].size,
            next_number=library.next_id,
            created_at=library.created_at,
        )

    def _write_versions(self) -> None:
        self._tx.run_many(
            "make_version",
            (
                {
                    "library": self._library,
                    "number": version.number,
                    "parent": version.parent,
                    "author": version.author,
                    "note": version.note,
                    "size": version.size,
                    "update_id": self._update_id(version.update_id),
                    "now": version.created_at,
                }
                for version in self._archive.versions
            ),
        )

    def _write_operations(self) -> list[int]:
        """Write the operations; return their row ids, in order."""
        return [
            self._tx.insert(
                "make_operation",
                library=self._library,
                version=operation.version,
                update_id=self._update_id(operation.update_id),
                kind=operation.kind,
                body=_body(operation),
                experience=rows.number_of(operation.experience) if operation.experience else None,
                sources=rows.from_strings(operation.sources),
                refused=operation.refused,
            )
            for operation in self._archive.operations
        ]

    def _write_wordings(self, operations: Sequence[int]) -> None:
        self._tx.run_many(
            "import_wording",
            (
                {
                    "library": self._library,
                    "number": rows.number_of(wording.id),
                    "since": wording.since,
                    "until": wording.until,
                    "name": wording.name,
                    "text": wording.text,
                    "operation": None
                    if wording.operation is None
                    else operations[wording.operation],
                }
                for wording in self._archive.wordings
            ),
        )

    def _write_group(self, group: GroupRecord) -> None:
        rewards = [a.reward for a in group.attempts if a.reward is not None]
        row = self._tx.insert(
            "import_group",
            library=self._library,
            name=group.id,
            task=group.task,
            ground_truth=group.ground_truth,
            attempts=len(group.attempts),
            scored=len(rewards),
            best=max(rewards, default=None),
            worst=min(rewards, default=None),
            revision=group.revision,
            learned=group.learned,
            failures=group.failures,
            failure=group.failure,
            created_at=group.created_at,
            changed_at=group.changed_at,
        )
        self._groups[group.id] = row
        for attempt in group.attempts:
            columns = self._attempt(row, attempt)
            self._attempts[group.id, attempt.id] = self._tx.insert("make_attempt", **columns)

    def _attempt(self, group: int, attempt: AttemptRecord) -> Params:
        retrieval = attempt.retrieval_id
        return {
            "group_id": group,
            "name": attempt.id,
            "messages": messages_to_json(attempt.messages or STAND_IN),
            "reward": attempt.reward,
            "feedback": attempt.feedback,
            "retrieval": self._retrieval_ids.get(retrieval, retrieval) if retrieval else None,
            "model": attempt.model,
            "metadata": attempt.metadata,
            "digest": attempt.digest,
            "now": attempt.created_at,
        }

    def _write_links(self) -> None:
        self._tx.run_many(
            "link_group",
            (
                {
                    "library": self._library,
                    "number": rows.number_of(link.experience),
                    "group_id": self._groups[link.group],
                }
                for link in self._archive.links
            ),
        )

    def _write_update(self, update: ArchivedUpdate) -> None:
        key = self._update_ids[update.id]
        self._tx.insert(
            "import_update",
            id=key,
            library=self._library,
            driver=update.driver,
            status=update.status,
            bases=json.dumps(list(update.bases)),
            version=update.version,
            reason=update.reason,
            created_at=update.created_at,
            changed_at=update.changed_at,
        )
        self._tx.run_many(
            "import_update_group",
            (self._update_group(key, n, g) for n, g in enumerate(update.groups, start=1)),
        )
        self._tx.run_many("import_request", _requests(key, update))
        self._tx.run_many("import_answer", _answers(key, update))

    def _update_group(self, update: str, position: int, of: UpdateGroupRecord) -> Params:
        rewards = [[self._attempts[of.group, a.attempt], a.reward] for a in of.attempts]
        return {
            "update_id": update,
            "position": position,
            "group_id": self._groups[of.group],
            "revision": of.revision,
            "attempts": json.dumps(rewards),
            "relevant": None if of.relevant is None else rows.from_strings(of.relevant),
        }

    def _write_retrievals(self) -> None:
        self._tx.run_many(
            "make_retrieval",
            (
                {
                    "id": self._retrieval_ids[retrieval.id],
                    "library": self._library,
                    "version": retrieval.version,
                    "task": retrieval.task,
                    "served": rows.from_strings(retrieval.served),
                    "now": retrieval.created_at,
                }
                for retrieval in self._archive.retrievals
            ),
        )


def _requests(update: str, record: ArchivedUpdate) -> list[Params]:
    return [
        {
            "update_id": update,
            "name": request.id,
            "prompt": LEFT_OUT if request.prompt is None else request.prompt,
            "asked_at": request.asked_at,
            "failed": request.failed,
        }
        for request in record.requests
    ]


def _answers(update: str, record: ArchivedUpdate) -> list[Params]:
    return [
        {
            "update_id": update,
            "request": answer.request,
            "text": answer.text,
            "refused": answer.refused,
            "model": answer.model,
            "prompt_tokens": answer.prompt_tokens,
            "cached_tokens": answer.cached_tokens,
            "completion_tokens": answer.completion_tokens,
            "cost": answer.cost,
            "now": answer.created_at,
        }
        for answer in record.answers
    ]


def _body(operation: OperationRecord) -> str:
    """The body as the store writes it: JSON, or the raw text of one that could not be read."""
    if operation.kind is None:
        return operation.raw or ""
    body: dict[str, object] = {"ids": list(operation.ids)}
    if operation.text is not None:
        body |= {"name": operation.name or "", "text": operation.text}
    return json.dumps(body, ensure_ascii=False)
