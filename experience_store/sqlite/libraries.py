"""Libraries, versions and provenance in SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from experience_store.errors import BadInputError, LibraryNotFoundError, NotFoundError
from experience_store.history import Version
from experience_store.library import Experience, Library, Policy, State, check_library_name
from experience_store.operations import (
    Application,
    Operation,
    Proposed,
    apply,
    kind,
    normalise_id,
)
from experience_store.sqlite import rows
from experience_store.sqlite.database import Database, Row, Transaction, now
from experience_store.store import AttemptTrace, GivenAnswer, GroupTrace, Origin, Provenance

_LAST = 2**62


class SqliteLibraries:
    """Implements `experience_store.store.Libraries`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, name: str) -> Library:
        """The library; raises LibraryNotFoundError with the names that come close."""
        return rows.to_library(await self.row(name))

    async def row(self, name: str) -> Row:
        """The library's row; raises LibraryNotFoundError."""
        row = await self._db.row("library", name=name)
        if row is None:
            raise await self._not_found(name)
        return row

    async def ensure(self, name: str) -> Library:
        """The library, made with defaults if it is new."""
        row = await self._db.row("library", name=name)
        if row is None:
            async with self._db.transaction() as tx:
                row = await ensure_library(tx, name)
        return rows.to_library(row)

    async def all(self) -> tuple[Library, ...]:
        """Every library, by name."""
        return tuple(rows.to_library(row) for row in await self._db.rows("libraries"))

    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        """Names that begin with `prefix`."""
        literal = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = await self._db.rows("library_names", prefix=f"{literal}%", limit=limit)
        return tuple(row["name"] for row in found)

    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        """Set objectives and policy, making the library if it is new."""
        async with self._db.transaction() as tx:
            row = await ensure_library(tx, name)
            await tx.run(
                "describe_library",
                library=row["id"],
                agent_objective=agent_objective,
                learning_objective=learning_objective,
                policy=rows.from_policy(policy),
            )
        return await self.get(name)

    async def state(self, name: str, version: int | None = None) -> State:
        """What the library held at a version (the head by default)."""
        async with self._db.snapshot() as tx:
            row = await tx.row("library", name=name)
            if row is not None:
                if version is not None:
                    check_version(row, version)
                return await read_state(tx, row, row["head"] if version is None else version)
        raise await self._not_found(name)

    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        """Versions below `before`, newest first, with operations and refusals."""
        library = (await self.row(name))["id"]
        found = await self._db.rows(
            "versions", library=library, before=_LAST if before is None else before, limit=limit
        )
        return tuple([await self._version(row) for row in found])

    async def version(self, name: str, number: int) -> Version:
        """One version, with operations and refusals."""
        library = await self.row(name)
        check_version(library, number)
        row = await self._db.row("version", library=library["id"], number=number)
        if row is None:
            raise NotFoundError(f"library {name!r} has no version {number}")
        return await self._version(row)

    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        """For each experience (all for None), the tasks it was learned from, oldest first."""
        library = (await self.row(name))["id"]
        if ids is None:
            found = await self._db.rows("all_tasks_behind", library=library)
        else:
            numbers = json.dumps([rows.number_of(i) for i in ids])
            found = await self._db.rows("tasks_behind", library=library, numbers=numbers)
        tasks: dict[str, list[str]] = {}
        for row in found:
            tasks.setdefault(rows.id_of(row["number"]), []).append(row["task"])
        return {id_: tuple(texts) for id_, texts in tasks.items()}

    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        """Change the library by hand; raises BadInputError if an operation breaks a rule."""
        async with self._db.transaction() as tx:
            row = await ensure_library(tx, name)
            state = await read_state(tx, row, row["head"])
            policy = rows.to_policy(row["policy"])
            application = apply(state, [Proposed(o) for o in operations], policy)
            if application.refused:
                raise BadInputError("; ".join(r.reason for r in application.refused))
            number = await write_version(tx, row, application, author=author, note=note)
        return await self.version(name, number)

    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        """Make a new version that equals the older version `to`."""
        async with self._db.transaction() as tx:
            row = await tx.row("library", name=name)
            if row is None:
                raise LibraryNotFoundError(f"there is no library {name!r}")
            check_version(row, to)
            old = await read_state(tx, row, to)
            number = row["head"] + 1
            await _make_version(tx, row, number, len(old.experiences), author, note)
            await _replace_entries(tx, row, number, await read_state(tx, row, row["head"]), old)
            await _move_head(tx, row, number, len(old.experiences), row["next_number"])
        return await self.version(name, number)

    async def provenance(self, name: str, experience_id: str) -> Provenance:
        """Everything that led to an experience."""
        library = await self.row(name)
        id_ = normalise_id(experience_id)
        wordings = (
            await self._db.rows("entry_wordings", library=library["id"], number=rows.number_of(id_))
            if id_
            else []
        )
        if not wordings or id_ is None:
            raise NotFoundError(f"library {name!r} never had an experience {experience_id[:40]!r}")
        last = wordings[-1]
        experience = Experience(id_, last["name"], last["text"])
        origins = [await self._origin(row) for row in wordings]
        origins += await self._ending(library["id"], id_, last)
        return Provenance(experience, last["until"] is None, tuple(origins))

    async def _not_found(self, name: str) -> LibraryNotFoundError:
        names = await self.names()
        close = get_close_matches(name, names, n=3)
        known = ", ".join(close or names[:10]) or "there is none yet"
        hint = f"did you mean {known}?" if close else f"known: {known}"
        return LibraryNotFoundError(f"there is no library {name[:80]!r}; {hint}")

    async def _version(self, row: Row) -> Version:
        operations = await self._db.rows(
            "operations_of_version", library=row["library_id"], version=row["number"]
        )
        return Version(
            number=row["number"],
            parent=row["parent"],
            author=row["author"],
            note=row["note"],
            created_at=rows.to_time(row["created_at"]),
            size=row["size"],
            update_id=row["update_id"],
            operations=tuple(rows.to_applied(o) for o in operations if o["refused"] is None),
            refusals=tuple(rows.to_refusal(o) for o in operations if o["refused"] is not None),
        )

    async def _origin(self, row: Row) -> Origin:
        """The step that made one wording: an operation, or a rollback that brought it back."""
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
        """How the experience ended: the Retire, or the Merge into another, if it did so."""
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
            if f"compare-{group['position']}" not in sources:
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


async def ensure_library(tx: Transaction, name: str) -> Row:
    """The library's row, made with defaults if it is new."""
    row = await tx.row("library", name=name)
    if row is not None:
        return row
    check_library_name(name)
    await tx.run("make_library", name=name, policy=rows.from_policy(Policy()), now=now())
    row = await tx.row("library", name=name)
    assert row is not None, "made in this transaction"
    await _make_version(tx, row, 0, 0, "experience-mcp", "made on first use")
    return row


def check_version(library: Row, number: int) -> None:
    """Raise NotFoundError if the library has no such version."""
    if not 0 <= number <= library["head"]:
        raise NotFoundError(
            f"library {library['name']!r} has no version {number}; it has 0 to {library['head']}"
        )


async def read_state(tx: Transaction, library: Row, version: int) -> State:
    """What the library held at a version."""
    found = await tx.rows("entries_at", library=library["id"], version=version)
    experiences = tuple(rows.to_experience(row) for row in found)
    return State(library["name"], version, experiences, library["next_number"])


async def write_version(
    tx: Transaction,
    library: Row,
    application: Application,
    *,
    author: str,
    note: str,
    update_id: str | None = None,
) -> int:
    """Write a new head: version, operations, refusals and entries. Its number."""
    number = library["head"] + 1
    state = application.state
    await _make_version(tx, library, number, len(state.experiences), author, note, update_id)
    current = await read_state(tx, library, library["head"])
    made: dict[str, int] = {}
    for applied in application.applied:
        operation_id = await tx.insert(
            "make_operation",
            library=library["id"],
            version=number,
            update_id=update_id,
            kind=kind(applied.operation),
            body=rows.from_operation(applied.operation),
            experience=rows.number_of(applied.experience.id) if applied.experience else None,
            sources=rows.from_strings(applied.sources),
            refused=None,
        )
        if applied.experience:
            made[applied.experience.id] = operation_id
    await write_refusals(tx, library, number, application, update_id)
    await _replace_entries(tx, library, number, current, state, made)
    await _move_head(tx, library, number, len(state.experiences), state.next_id)
    return number


async def write_refusals(
    tx: Transaction,
    library: Row,
    version: int | None,
    application: Application,
    update_id: str | None,
) -> None:
    """Write what was proposed and not done."""
    for refusal in application.refused:
        kind_, body = rows.refused_columns(refusal)
        await tx.insert(
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


async def _make_version(
    tx: Transaction,
    library: Row,
    number: int,
    size: int,
    author: str,
    note: str,
    update_id: str | None = None,
) -> None:
    await tx.run(
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


async def _move_head(tx: Transaction, library: Row, head: int, size: int, next_id: int) -> None:
    await tx.run("move_head", library=library["id"], head=head, size=size, next_number=next_id)


async def _replace_entries(
    tx: Transaction,
    library: Row,
    version: int,
    before: State,
    after: State,
    made: Mapping[str, int] | None = None,
) -> None:
    """Close the entries that change or go, open those that change or come."""
    old, new = before.by_id, after.by_id
    gone = [i for i, e in old.items() if new.get(i) != e]
    come = [e for i, e in new.items() if old.get(i) != e]
    key = {"library": library["id"]}
    await tx.run_many(
        "close_entry", ({**key, "version": version, "number": rows.number_of(i)} for i in gone)
    )
    await tx.run_many("open_entry", _openings(key["library"], version, come, made or {}))


def _openings(
    library: int, version: int, experiences: Iterable[Experience], made: Mapping[str, int]
) -> Iterable[dict[str, str | int | float | None]]:
    for experience in experiences:
        yield {
            "library": library,
            "since": version,
            "number": rows.number_of(experience.id),
            "name": experience.name,
            "text": experience.text,
            "operation": made.get(experience.id),
        }
