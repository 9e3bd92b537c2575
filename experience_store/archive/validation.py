"""Checks the consistency of an archive, beyond the types of its fields.

An archive may come from anywhere. Every reference must resolve, and the size of every version must
match its wordings, so that an imported library is as sound as one that grew in its database.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from itertools import pairwise

from experience_store.archive.format import (
    STAND_IN,
    Archive,
    ArchivedUpdate,
    AttemptRecord,
    GroupRecord,
    OperationRecord,
    WordingRecord,
)
from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from experience_store.trajectory import fingerprint, messages_to_json

MAX_SHOWN = 5
_TEXT_KINDS = ("Add", "Revise", "Merge")


def check(archive: Archive) -> Archive:
    """The archive, if it is consistent.

    Raises:
        BadInputError: With the first problems.
    """
    check_library_name(archive.library.name)
    problems = [problem for problem, _ in zip(_problems(archive), range(MAX_SHOWN), strict=False)]
    if problems:
        raise BadInputError(f"the archive is inconsistent: {'; '.join(problems)}")
    return archive


def _problems(archive: Archive) -> Iterator[str]:
    yield from _versions(archive)
    yield from _operations(archive)
    yield from _wordings(archive)
    yield from _groups(archive)
    yield from _updates(archive)
    yield from _retrievals(archive)


def _versions(archive: Archive) -> Iterator[str]:
    head = archive.library.head
    numbers = [v.number for v in archive.versions]
    if len(numbers) != head + 1 or numbers != list(range(head + 1)):  # the head may be any number
        yield f"versions must run from 0 to the head, {head}, without gaps"
        return
    sizes = _sizes(archive.wordings, head)
    for version in archive.versions:
        if version.parent != (version.number - 1 if version.number else None):
            yield f"version {version.number}: its parent must be the previous version"
        if version.size != sizes[version.number]:
            where, found = f"version {version.number}", sizes[version.number]
            yield f"{where}: size {version.size} does not match its wordings ({found})"
    size = archive.library.policy.max_experiences
    if sizes[head] > size:
        yield f"the library has {sizes[head]} experiences, but its policy allows {size}"


def _sizes(wordings: Iterable[WordingRecord], head: int) -> list[int]:
    """How many wordings are valid at each version."""
    steps: Counter[int] = Counter()
    for wording in wordings:
        steps[wording.since] += 1
        if wording.until is not None:
            steps[wording.until] -= 1
    sizes: list[int] = []
    size = 0
    for number in range(head + 1):
        size += steps[number]
        sizes.append(size)
    return sizes


def _operations(archive: Archive) -> Iterator[str]:
    updates = {u.id for u in archive.updates}
    reviewed_next = {u.id for u in archive.updates if u.status == "awaiting_review"}
    for place, operation in enumerate(archive.operations):
        where = f"operation {place}"
        if operation.version is not None and not 1 <= operation.version <= archive.library.head:
            yield f"{where}: version {operation.version} does not exist"
        if operation.version is None and operation.update_id is None:
            yield f"{where}: belongs to no version and no update"
        if operation.update_id is not None and operation.update_id not in updates:
            yield f"{where}: update {operation.update_id} does not exist"
        undecided = operation.version is None and operation.refused is None
        if undecided and operation.update_id not in reviewed_next:
            yield f"{where}: has no version, is not refused and does not await review"
        if problem := _form(operation):
            yield f"{where}: {problem}"
    for version in archive.versions:
        if version.update_id is not None and version.update_id not in updates:
            yield f"version {version.number}: update {version.update_id} does not exist"


def _form(operation: OperationRecord) -> str | None:
    """What is wrong with the fields of an operation, if anything."""
    if operation.kind is None:
        return None if operation.refused and operation.raw is not None else "has no kind"
    if operation.raw is not None:
        return "has both a kind and a raw text"
    if operation.kind in _TEXT_KINDS and (operation.name is None or operation.text is None):
        return f"{operation.kind} needs a name and a text"
    if operation.kind in {"Revise", "Merge", "Retire"} and not operation.ids:
        return f"{operation.kind} needs ids"
    carried_out = operation.refused is None and operation.version is not None
    made = carried_out and operation.kind in _TEXT_KINDS
    if made != (operation.experience is not None):
        return "must name the experience it made, and only if it made one"
    return None


def _wordings(archive: Archive) -> Iterator[str]:
    head = archive.library.head
    lives: defaultdict[str, list[WordingRecord]] = defaultdict(list)
    for wording in archive.wordings:
        lives[wording.id].append(wording)
        where = f"wording of {wording.id} since version {wording.since}"
        if not 1 <= wording.since <= head or (wording.until or head) > head:
            yield f"{where}: is outside versions 1 to {head}"
        if wording.until is not None and wording.until <= wording.since:
            yield f"{where}: ends before it begins"
        if wording.operation is not None and not _made_by(archive, wording):
            yield f"{where}: operation {wording.operation} did not make it"
    for id_, life in lives.items():
        if int(id_[1:]) >= archive.library.next_id:
            yield f"{id_} is not below next_id {archive.library.next_id}"
        life.sort(key=lambda w: w.since)
        if any(one.until is None or one.until > two.since for one, two in pairwise(life)):
            yield f"{id_} has two wordings at the same time"


def _made_by(archive: Archive, wording: WordingRecord) -> bool:
    place = wording.operation
    if place is None or place >= len(archive.operations):
        return False
    operation = archive.operations[place]
    return operation.experience == wording.id and operation.version == wording.since


def _groups(archive: Archive) -> Iterator[str]:
    yield from _duplicates("group", (g.id for g in archive.groups))
    experiences = {w.id for w in archive.wordings}
    groups = {g.id for g in archive.groups}
    for group in archive.groups:
        yield from _duplicates(f"group {group.id}: attempt", (a.id for a in group.attempts))
        if group.learned > group.revision:
            yield f"group {group.id}: was learned from at a later revision than it has"
        for attempt in group.attempts:
            if problem := _content(attempt, included=archive.attempts_included):
                yield f"group {group.id}: attempt {attempt.id} {problem}"
    for link in archive.links:
        if link.experience not in experiences or link.group not in groups:
            yield f"link from {link.experience} to {link.group}: one of them does not exist"
    yield from _duplicates("link", ((link.experience, link.group) for link in archive.links))


def _content(attempt: AttemptRecord, *, included: bool) -> str | None:
    """What is wrong with the messages of an attempt, if anything."""
    if attempt.messages is None:
        return "has no messages" if included else None
    if attempt.messages == STAND_IN:
        return None
    if fingerprint(messages_to_json(attempt.messages)) != attempt.digest:
        return "has messages that do not match its digest"
    return None


def _updates(archive: Archive) -> Iterator[str]:
    yield from _duplicates("update", (u.id for u in archive.updates))
    groups = {g.id: g for g in archive.groups}
    for update in archive.updates:
        for problem in _update(update, groups, archive.library.head):
            yield f"update {update.id}: {problem}"


def _update(update: ArchivedUpdate, groups: dict[str, GroupRecord], head: int) -> Iterator[str]:
    if any(base > head for base in update.bases) or (update.version or 0) > head:
        yield f"refers to versions after the head, {head}"
    if (update.status == "published") != (update.version is not None):
        yield "must have a version if and only if it is published"
    for of in update.groups:
        known = {a.id for a in groups[of.group].attempts} if of.group in groups else None
        if known is None:
            yield f"group {of.group} does not exist"
        elif missing := {a.attempt for a in of.attempts} - known:
            yield f"group {of.group} has no attempt {', '.join(sorted(missing))}"
    yield from _duplicates("group", (of.group for of in update.groups))
    yield from _duplicates("request", (r.id for r in update.requests))
    yield from _duplicates(
        "accepted answer", (a.request for a in update.answers if a.refused is None)
    )


def _retrievals(archive: Archive) -> Iterator[str]:
    yield from _duplicates("retrieval", (r.id for r in archive.retrievals))
    for retrieval in archive.retrievals:
        if retrieval.version > archive.library.head:
            yield f"retrieval {retrieval.id}: version {retrieval.version} does not exist"


def _duplicates(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    counted = Counter(keys)
    duplicates: Collection[Hashable] = [key for key, times in counted.items() if times > 1]
    if duplicates:
        yield f"duplicate {what}: {', '.join(str(key) for key in list(duplicates)[:MAX_SHOWN])}"
