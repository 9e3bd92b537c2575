"""Provenance: traces each wording of an experience to the answers and attempts behind it.

A wording refers to its operation, an operation to its requests (`compare-2`) and its update, and
the update holds the answers to those requests and the groups they compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from experience_store.errors import NotFoundError
from experience_store.library import Experience
from experience_store.operations import normalise_id
from experience_store.request_id import RequestId
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Row
from experience_store.store import AttemptTrace, GivenAnswer, GroupTrace, Origin, Provenance


class Tracing:
    """Traces experiences of one library, for one call."""

    def __init__(self, database: Database, library: Row) -> None:
        self._db = database
        self._library = library

    async def provenance(self, experience_id: str) -> Provenance:
        """Everything that led to an experience; raises NotFoundError."""
        library = self._library
        id_ = normalise_id(experience_id)
        wordings = (
            await self._db.rows("entry_wordings", library=library["id"], number=rows.number_of(id_))
            if id_
            else []
        )
        if not wordings or id_ is None:
            raise NotFoundError(
                f"library {library['name']!r} never had an experience {experience_id[:40]!r}"
            )
        last = wordings[-1]
        experience = Experience(id_, last["name"], last["text"])
        origins = [await self._origin(row) for row in wordings]
        origins += await self._ending(library["id"], id_, last)
        return Provenance(experience, last["until"] is None, tuple(origins))

    async def _origin(self, row: Row) -> Origin:
        """The step that made a wording: an operation, or the rollback that restored it."""
        operation = None
        sources: tuple[str, ...] = ()
        if row["operation"] is not None:
            operation = rows.to_operation(row["kind"], row["body"])
            sources = rows.to_strings(row["sources"])
        return Origin(
            version=row["since"],
            author=row["author"],
            created_at=rows.to_time(row["created_at"]),
            operation=operation,
            note=row["note"],
            update_id=row["update_id"],
            answers=await self._answers(row["update_id"], sources),
            groups=await self._groups(row["update_id"], sources),
        )

    async def _ending(self, library: int, id_: str, last: Row) -> list[Origin]:
        """The Retire of the experience, or its Merge into another, if it is gone."""
        if last["until"] is None:
            return []
        found = await self._db.rows(
            "operations_on_experience", library=library, number=rows.number_of(id_), id=id_
        )
        return [
            Origin(
                version=row["version"],
                author=row["author"],
                created_at=rows.to_time(row["created_at"]),
                operation=rows.to_operation(row["kind"], row["body"]),
                note="",
                update_id=row["update_id"],
                answers=await self._answers(row["update_id"], rows.to_strings(row["sources"])),
                groups=await self._groups(row["update_id"], rows.to_strings(row["sources"])),
            )
            for row in found
            if row["version"] == last["until"]
        ]

    async def _answers(
        self, update_id: str | None, sources: Sequence[str]
    ) -> tuple[GivenAnswer, ...]:
        if update_id is None:
            return ()
        found = await self._db.rows("answers", update_id=update_id)
        return tuple(
            rows.to_answer(row)
            for row in found
            if row["refused"] is None and row["request"] in sources
        )

    async def _groups(
        self, update_id: str | None, sources: Sequence[str]
    ) -> tuple[GroupTrace, ...]:
        if update_id is None:
            return ()
        traces: list[GroupTrace] = []
        for group in await self._db.rows("update_groups", update_id=update_id):
            if str(RequestId.compare(group["position"])) not in sources:
                continue
            rewards = rows.to_rewards(group["attempts"])
            attempts = await self._db.rows("attempts", group_id=group["group_id"])
            traces.append(
                GroupTrace(
                    group["name"],
                    group["task"],
                    tuple(
                        AttemptTrace(a["name"], rewards[a["id"]], a["model"], a["feedback"])
                        for a in attempts
                        if a["id"] in rewards
                    ),
                )
            )
        return tuple(traces)
