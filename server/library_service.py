"""What can be done to a library by hand."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches

from pydantic import TypeAdapter, ValidationError

from experience_store.errors import BadInputError, LibraryNotFoundError, NotFoundError
from experience_store.library import Library, Policy, check_library_name
from experience_store.operations import Add, Operation, Retire, Revise, normalise_id
from experience_store.store import Decision, GroupCounts, Review, Store, UpdateRecord
from experience_store.version import Version
from server.rendering import Difference
from server.text import count

MAX_ID = 40  # characters, with brackets and spaces around it
MAX_OBJECTIVE = 2_000  # characters; it stands in every prompt of the learner


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who changes a library, and why, for its history. No note means the usual one."""

    author: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LibraryContents:
    """What a library holds, which is what goes when it is deleted."""

    library: Library
    counts: GroupCounts

    def record(self) -> dict[str, object]:
        """As a record."""
        return {
            "library": self.library.name,
            "experiences": self.library.size,
            "versions": self.library.head + 1,
            "groups": self.counts.groups,
            "attempts": self.counts.attempts,
        }

    def __str__(self) -> str:
        """In a line."""
        library, counts = self.library, self.counts
        return (
            f"{count(library.size, 'experience')} in {count(library.head + 1, 'version')}, "
            f"{count(counts.groups, 'group')} with {count(counts.attempts, 'attempt')}"
        )


async def describe(
    store: Store,
    name: str,
    *,
    agent_objective: str | None = None,
    learning_objective: str | None = None,
    policy: Mapping[str, object] | None = None,
) -> Library:
    """Say what a library is for and how it learns; what is not given (None) stays as it is.

    A library that does not exist is made. An empty objective is none.

    Raises:
        BadInputError: If the name or the policy cannot be.
    """
    check_library_name(name)
    try:
        known = await store.libraries.get(name)
    except LibraryNotFoundError:
        known = Library(name)
    return await store.libraries.describe(
        name,
        agent_objective=_kept(agent_objective, known.agent_objective),
        learning_objective=_kept(learning_objective, known.learning_objective),
        policy=_changed(known.policy, policy or {}),
    )


def description(library: Library) -> dict[str, object]:
    """What a library is for and how it learns, as a record."""
    return {
        "name": library.name,
        "agent_objective": library.agent_objective,
        "learning_objective": library.learning_objective,
        "policy": asdict(library.policy),
        "version": library.head,
        "experiences": library.size,
    }


async def add(store: Store, library: str, text: str, name: str, by: Attribution) -> Version:
    """Add an experience. A library that does not exist is made."""
    return await _edit(store, library, [Add(name, text)], by, "added by hand")


async def revise(
    store: Store, library: str, experience: str, text: str, name: str | None, by: Attribution
) -> Version:
    """Say an experience in other words; without a name (None) its name stays."""
    id_ = read_id(experience)
    known = (await store.libraries.state(library)).by_id.get(id_)
    if known is None:
        raise NotFoundError(f"library {library!r} has no experience {id_} now")
    operation = Revise(id_, known.name if name is None else name, text)
    return await _edit(store, library, [operation], by, "revised by hand")


async def retire(
    store: Store, library: str, experiences: Sequence[str], by: Attribution
) -> Version:
    """Take experiences out of a library; their history stays."""
    await store.libraries.get(library)  # else it would be made
    ids = dict.fromkeys(read_id(e) for e in experiences)
    if not ids:
        raise BadInputError("name at least one experience, such as G3")
    return await _edit(store, library, [Retire(id_) for id_ in ids], by, "retired by hand")


async def compare(
    store: Store, library: str, old: int | None = None, new: int | None = None
) -> Difference:
    """What leads from one version to another: by default to the current from the one before."""
    head = (await store.libraries.get(library)).head
    newer = head if new is None else new
    older = max(0, newer - 1) if old is None else old
    return Difference.between(
        await store.libraries.state(library, older), await store.libraries.state(library, newer)
    )


async def roll_back(store: Store, library: str, to: int, by: Attribution) -> Version:
    """Make a new version that holds what an older one held."""
    note = by.note or f"rolled back to version {to}"
    return await store.libraries.roll_back(library, to, author=by.author, note=note)


async def reviews(store: Store, library: str) -> tuple[Review, ...]:
    """The updates that wait for a person's word, oldest first."""
    await store.libraries.get(library)
    return await store.updates.reviews(library)


async def review(
    store: Store, library: str, update_id: str, chosen: Collection[int] | None, by: Attribution
) -> UpdateRecord:
    """Publish changes of an update that waits for review: all (None), or those of some numbers.

    What is not published is refused, and none of it rejects the update.

    Raises:
        NotFoundError: If the library has no such update.
        ConflictError: If it does not wait for review.
        BadInputError: If there is no such change.
    """
    record = await store.updates.get(update_id)
    if record.library.name != library:
        raise NotFoundError(f"library {library!r} has no update {update_id[:80]!r}")
    note = f"learned from {count(len(record.groups), 'group')}, reviewed"
    decision = Decision(
        None if chosen is None else frozenset(chosen),
        by.author,
        f"{note}: {' '.join(by.note.split())}" if by.note else note,
    )
    return await store.updates.review(update_id, decision)


async def holding(store: Store, library: str) -> LibraryContents:
    """What a library holds."""
    found = await store.libraries.get(library)
    return LibraryContents(found, await store.groups.counts(library))


async def delete(store: Store, library: str) -> LibraryContents:
    """Erase a library with its history and its groups, for good; what it held."""
    held = await holding(store, library)
    return LibraryContents(await store.libraries.delete(library), held.counts)


def read_id(text: str) -> str:
    """The id that is meant; raises BadInputError if it is none."""
    id_ = normalise_id(text) if len(text) <= MAX_ID else None
    if id_ is None:
        raise BadInputError(f"{text[:80]!r} is no id of an experience, such as G3")
    return id_


async def _edit(
    store: Store, library: str, operations: Sequence[Operation], by: Attribution, note: str
) -> Version:
    return await store.libraries.edit(
        library, operations, author=by.author, note=" ".join(by.note.split()) or note
    )


def _kept(given: str | None, known: str | None) -> str | None:
    if given is None:
        return known
    text = " ".join(given.split())
    if len(text) > MAX_OBJECTIVE:
        raise BadInputError(
            f"an objective may have {MAX_OBJECTIVE} characters, and this one has {len(text)}"
        )
    return text or None


def _changed(policy: Policy, given: Mapping[str, object]) -> Policy:
    known = [f.name for f in fields(Policy)]
    for name in given:
        if name not in known:
            shown = name[:80]  # comparing a long one would take long
            close = get_close_matches(shown, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise BadInputError(f"policy has no {shown!r}: {hint}it has {', '.join(known)}")
    try:
        # as JSON, which strict validation reads a dataclass from
        return _POLICY.validate_json(json.dumps({**asdict(policy), **given}), strict=True)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BadInputError(f"policy: {'; '.join(problems)}") from error


_POLICY = TypeAdapter(Policy)
