"""What must hold in an archive, beyond the form of its parts.

An archive may come from anywhere. Each reference must lead somewhere, and each version must follow
from the wordings that it claims to hold; then the store that takes it in is as sound as one that
lived through it all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from itertools import pairwise

from experience_store.archive.records import (
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
    """The archive, if everything in it fits together.

    Raises:
        BadInputError: With the first things that do not.
    """
    check_library_name(archive.library.name)
    problems = [problem for problem, _ in zip(_problems(archive), range(MAX_SHOWN), strict=False)]
    if problems:
        raise BadInputError(f"the archive does not fit together: {'; '.join(problems)}")
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
    if [v.number for v in archive.versions] != list(range(head + 1)):
        yield f"versions must run from 0 to {head}, the head, without a gap"
        return
    sizes = _sizes(archive.wordings, head)
    for version in archive.versions:
        if version.parent != (version.number - 1 if version.number else None):
            yield f"version {version.number}: its parent must be the one before"
        if version.size != sizes[version.number]:
            yield (
                f"version {version.number}: says it has {version.size} experiences, but there are "
                f"wordings for {sizes[version.number]}"
            )
    size = archive.library.policy.max_experiences
    if sizes[head] > size:
        yield f"the library has {sizes[head]} experiences, its policy allows {size}"


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
            yield f"{where}: there is no version {operation.version} that it could belong to"
        if operation.version is None and operation.update_id is None:
            yield f"{where}: belongs to no version and no update"
        if operation.update_id is not None and operation.update_id not in updates:
            yield f"{where}: there is no update {operation.update_id}"
        undecided = operation.version is None and operation.refused is None
        if undecided and operation.update_id not in reviewed_next:
            yield f"{where}: is of no version, was not refused and does not wait for review"
        if problem := _form(operation):
            yield f"{where}: {problem}"
    for version in archive.versions:
        if version.update_id is not None and version.update_id not in updates:
            yield f"version {version.number}: there is no update {version.update_id}"


def _form(operation: OperationRecord) -> str | None:
    """What is wrong with the form of an operation."""
    if operation.kind is None:
        return None if operation.refused and operation.raw is not None else "has no kind"
    if operation.raw is not None:
        return "has both a kind and a raw form"
    if operation.kind in _TEXT_KINDS and (operation.name is None or operation.text is None):
        return f"{operation.kind} needs a name and a text"
    if operation.kind in {"Revise", "Merge", "Retire"} and not operation.ids:
        return f"{operation.kind} needs ids"
    carried_out = operation.refused is None and operation.version is not None
    made = carried_out and operation.kind in _TEXT_KINDS
    if made != (operation.experience is not None):
        return "names an experience it did not make, or not the one it made"
    return None


def _wordings(archive: Archive) -> Iterator[str]:
    head = archive.library.head
    lives: defaultdict[str, list[WordingRecord]] = defaultdict(list)
    for wording in archive.wordings:
        lives[wording.id].append(wording)
        where = f"wording of {wording.id} since version {wording.since}"
        if not 1 <= wording.since <= head or (wording.until or head) > head:
            yield f"{where}: is outside the versions 1 to {head}"
        if wording.until is not None and wording.until <= wording.since:
            yield f"{where}: ends before it begins"
        if wording.operation is not None and not _made_by(archive, wording):
            yield f"{where}: operation {wording.operation} did not make it"
    for id_, life in lives.items():
        if int(id_[1:]) >= archive.library.next_id:
            yield f"{id_} is beyond next_id {archive.library.next_id}"
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
    yield from _doubled("group", (g.id for g in archive.groups))
    experiences = {w.id for w in archive.wordings}
    groups = {g.id for g in archive.groups}
    for group in archive.groups:
        yield from _doubled(f"group {group.id}: attempt", (a.id for a in group.attempts))
        if group.learned > group.revision:
            yield f"group {group.id}: learned from a revision that is still to come"
        for attempt in group.attempts:
            if problem := _content(attempt, included=archive.attempts_included):
                yield f"group {group.id}: attempt {attempt.id} {problem}"
    for link in archive.links:
        if link.experience not in experiences or link.group not in groups:
            yield f"link from {link.experience} to {link.group}: one of them is missing"
    yield from _doubled("link", ((link.experience, link.group) for link in archive.links))


def _content(attempt: AttemptRecord, *, included: bool) -> str | None:
    """What is wrong with the messages of an attempt."""
    if attempt.messages is None:
        return "has no messages" if included else None
    if attempt.messages == STAND_IN:
        return None
    if fingerprint(messages_to_json(attempt.messages)) != attempt.digest:
        return "has other messages than its digest was made of"
    return None


def _updates(archive: Archive) -> Iterator[str]:
    yield from _doubled("update", (u.id for u in archive.updates))
    groups = {g.id: g for g in archive.groups}
    for update in archive.updates:
        for problem in _update(update, groups, archive.library.head):
            yield f"update {update.id}: {problem}"


def _update(update: ArchivedUpdate, groups: dict[str, GroupRecord], head: int) -> Iterator[str]:
    if any(base > head for base in update.bases) or (update.version or 0) > head:
        yield f"speaks of versions after {head}"
    if (update.status == "published") != (update.version is not None):
        yield "a version must be there if and only if it is published"
    for of in update.groups:
        known = {a.id for a in groups[of.group].attempts} if of.group in groups else None
        if known is None:
            yield f"there is no group {of.group}"
        elif missing := {a.attempt for a in of.attempts} - known:
            yield f"group {of.group} has no attempt {', '.join(sorted(missing))}"
    yield from _doubled("group", (of.group for of in update.groups))
    yield from _doubled("request", (r.id for r in update.requests))
    yield from _doubled("taken answer", (a.request for a in update.answers if a.refused is None))


def _retrievals(archive: Archive) -> Iterator[str]:
    yield from _doubled("retrieval", (r.id for r in archive.retrievals))
    for retrieval in archive.retrievals:
        if retrieval.version > archive.library.head:
            yield f"retrieval {retrieval.id}: there is no version {retrieval.version}"


def _doubled(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    counted = Counter(keys)
    doubled: Collection[Hashable] = [key for key, times in counted.items() if times > 1]
    if doubled:
        yield f"{what} twice: {', '.join(str(key) for key in list(doubled)[:MAX_SHOWN])}"
