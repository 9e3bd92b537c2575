"""What people do to a library: describe, edit, compare, roll back, review and delete it."""

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
MAX_REASON = 200  # characters; each rejected change repeats it
MAX_OBJECTIVE = 2_000  # characters; it stands in every prompt of the learner


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who changes a library and why, for its history. An empty note means the default one."""

    author: str
    note: str = ""

    def __post_init__(self) -> None:
        _refuse_secrets("the note", self.note)


@dataclass(frozen=True, slots=True)
class LibraryContents:
    """The size of a library's contents, which are lost when it is deleted."""

    library: Library
    counts: GroupCounts

    def record(self) -> dict[str, object]:
        """The contents as JSON."""
        return {
            "library": self.library.name,
            "experiences": self.library.size,
            "versions": self.library.head + 1,
            "groups": self.counts.groups,
            "attempts": self.counts.attempts,
        }

    def __str__(self) -> str:
        """The contents in one line."""
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
    """Set the objectives and the policy of a library; None leaves them unchanged.

    A library that does not exist is created. An empty objective clears it.

    Raises:
        BadInputError: If the name, an objective or the policy is invalid.
    """
    check_library_name(name)
    try:
        known = await store.libraries.get(name)
    except LibraryNotFoundError:
        known = Library(name)
    return await store.libraries.describe(
        name,
        agent_objective=_objective(agent_objective, known.agent_objective),
        learning_objective=_objective(learning_objective, known.learning_objective),
        policy=_policy(known.policy, policy or {}),
    )


def description(library: Library) -> dict[str, object]:
    """The objectives, the policy and the size of a library as JSON."""
    return {
        "name": library.name,
        "agent_objective": library.agent_objective,
        "learning_objective": library.learning_objective,
        "policy": asdict(library.policy),
        "version": library.head,
        "experiences": library.size,
    }


async def add(store: Store, library: str, text: str, name: str, by: Attribution) -> Version:
    """Add an experience. A library that does not exist is created."""
    return await _edit(store, library, [Add(name, text)], by, "added by hand")


async def revise(
    store: Store, library: str, experience: str, text: str, name: str | None, by: Attribution
) -> Version:
    """Change the text of an experience, and its name unless that is None."""
    id_ = read_id(experience)
    known = (await store.libraries.state(library)).by_id.get(id_)
    if known is None:
        raise NotFoundError(f"library {library!r} has no experience {id_} now")
    operation = Revise(id_, known.name if name is None else name, text)
    return await _edit(store, library, [operation], by, "revised by hand")


async def retire(
    store: Store, library: str, experiences: Sequence[str], by: Attribution
) -> Version:
    """Remove experiences from a library; their history stays."""
    await store.libraries.get(library)  # an edit would create it
    ids = dict.fromkeys(read_id(e) for e in experiences)
    if not ids:
        raise BadInputError("name at least one experience, such as G3")
    return await _edit(store, library, [Retire(id_) for id_ in ids], by, "retired by hand")


async def compare(
    store: Store, library: str, old: int | None = None, new: int | None = None
) -> Difference:
    """The difference of two versions; by default of the current one and the one before."""
    head = (await store.libraries.get(library)).head
    newer = head if new is None else new
    older = max(0, newer - 1) if old is None else old
    return Difference.between(
        await store.libraries.state(library, older), await store.libraries.state(library, newer)
    )


async def roll_back(store: Store, library: str, to: int, by: Attribution) -> Version:
    """Make a new version with the experiences of an older one."""
    note = by.note or f"rolled back to version {to}"
    return await store.libraries.roll_back(library, to, author=by.author, note=note)


async def reviews(store: Store, library: str) -> tuple[Review, ...]:
    """The updates that await review, oldest first."""
    await store.libraries.get(library)
    return await store.updates.reviews(library)


async def review(
    store: Store, library: str, update_id: str, chosen: Collection[int] | None, by: Attribution
) -> UpdateRecord:
    """Publish changes of an update that awaits review.

    Args:
        store: The store.
        library: Name of the library.
        update_id: The update.
        chosen: Numbers of the changes to publish, none to reject the update; None for all.
        by: Who decided, and why.

    Raises:
        NotFoundError: If the library has no such update.
        ConflictError: If the update is not awaiting review.
        BadInputError: If there is no change with a chosen number.
    """
    await store.libraries.get(library)
    record = await store.updates.get(update_id)
    if record.library.name != library:
        raise NotFoundError(f"library {library!r} has no update {update_id[:80]!r}")
    note = f"learned from {count(len(record.groups), 'group')}, reviewed"
    words = " ".join(by.note.split())
    decision = Decision(
        None if chosen is None else frozenset(chosen),
        by.author,
        f"{note}: {words}" if words else note,
        words[:MAX_REASON],
    )
    return await store.updates.review(update_id, decision)


async def contents(store: Store, library: str) -> LibraryContents:
    """The contents of a library."""
    found = await store.libraries.get(library)
    return LibraryContents(found, await store.groups.counts(library))


async def delete(store: Store, library: str) -> LibraryContents:
    """Delete a library with its history and its groups; return what it contained."""
    deleted = await contents(store, library)
    return LibraryContents(await store.libraries.delete(library), deleted.counts)


def read_id(text: str) -> str:
    """The id in a text; raises BadInputError if it is invalid."""
    id_ = normalise_id(text) if len(text) <= MAX_ID else None
    if id_ is None:
        raise BadInputError(f"{text[:80]!r} is not a valid experience id: use one such as G3")
    return id_


async def _edit(
    store: Store, library: str, operations: Sequence[Operation], by: Attribution, note: str
) -> Version:
    return await store.libraries.edit(
        library, operations, author=by.author, note=" ".join(by.note.split()) or note
    )


def _objective(given: str | None, known: str | None) -> str | None:
    if given is None:
        return known
    text = " ".join(given.split())
    if len(text) > MAX_OBJECTIVE:
        raise BadInputError(
            f"an objective may have at most {MAX_OBJECTIVE} characters, not {len(text)}"
        )
    _refuse_secrets("the objective", text)
    return text or None


def _refuse_secrets(what: str, text: str) -> None:
    """Raise BadInputError if a text that others will read holds a secret."""
    from experience_store.safety.redaction import secret_problem  # noqa: PLC0415  # slow to import

    if text and (problem := secret_problem(text)):
        raise BadInputError(f"{what}: {problem}")


def _policy(policy: Policy, given: Mapping[str, object]) -> Policy:
    known = [f.name for f in fields(Policy)]
    for name in given:
        if name not in known:
            shown = name[:80]  # comparing a long name would take long
            close = get_close_matches(shown, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise BadInputError(f"policy has no {shown!r}: {hint}it has {', '.join(known)}")
    try:
        # as JSON, the form in which strict validation accepts a dataclass
        return _POLICY_ADAPTER.validate_json(json.dumps({**asdict(policy), **given}), strict=True)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BadInputError(f"policy: {'; '.join(problems)}") from error


_POLICY_ADAPTER = TypeAdapter(Policy)
