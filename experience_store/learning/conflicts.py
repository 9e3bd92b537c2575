"""Which proposals must be consolidated before they can be applied.

Proposals of several groups were made independently, so two of them may say the same, or the
opposite, in any wording: all of them are consolidated. Proposals of a single group were made
together; only those that add what the library nearly says already are. Keep changes nothing and
always passes. If another version was published meanwhile, proposals that it affects are
consolidated again.

Without a consolidation, a group whose proposals are related to no other's passes, as one that had
come alone would; of related ones only the first does.

A batch that is too long for one request is split so that proposals about the same experience, or
near one another in wording, stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

from experience_store.learning.inputs import Near, Snapshot
from experience_store.library import Experience, State
from experience_store.operations import Add, Keep, Merge, Proposed, Revise, touched_ids
from experience_store.retrieval import Document, Index


def conflicting(proposals: Sequence[Proposed], near: Near) -> tuple[Proposed, ...]:
    """The proposals that must be consolidated."""
    changes = [p for p in proposals if not isinstance(p.operation, Keep)]
    if len({source for p in changes for source in p.sources}) > 1:
        return tuple(changes)
    return tuple(p for p in changes if isinstance(p.operation, Add) and near(p.operation.text))


def separable(proposals: Sequence[Proposed], near: Near) -> frozenset[str]:
    """The sources whose proposals can do without consolidation, as if they had come one by one.

    Of sources whose proposals are related, that is the first; the others must wait.
    """
    near_library = [p for p in proposals if isinstance(p.operation, Add) and near(p.operation.text)]
    waiting = {source for p in near_library for source in p.sources}
    for cluster in _clusters(proposals, near):
        sources = dict.fromkeys(source for p in cluster for source in p.sources)
        first = next((source for source in sources if source not in waiting), None)
        waiting |= sources.keys() - {first}
    return frozenset(source for p in proposals for source in p.sources) - waiting


def outdated(proposals: Sequence[Proposed], before: State, after: Snapshot) -> tuple[Proposed, ...]:
    """The proposals that a newer version affects: one they touch or are near to changed."""
    old, new = before.by_id, after.state.by_id
    changed = {i for i in old.keys() | new.keys() if old.get(i) != new.get(i)}
    return tuple(p for p in proposals if not changed.isdisjoint(_related(p, after.near)))


def related_experiences(
    proposals: Sequence[Proposed], snapshot: Snapshot
) -> tuple[Experience, ...]:
    """The experiences that the proposals touch or are near to."""
    entries = snapshot.state.by_id
    ids = dict.fromkeys(i for p in proposals for i in _related(p, snapshot.near))
    return tuple(entries[i] for i in ids if i in entries)


def batches_of_conflicts(
    proposals: Sequence[Proposed], near: Near, most: int
) -> tuple[tuple[Proposed, ...], ...]:
    """The proposals split into requests of at most `most`, related ones together, in order."""
    if len(proposals) <= most:
        return (tuple(proposals),) if proposals else ()
    batches: list[list[Proposed]] = [[]]
    for cluster in _clusters(proposals, near):
        for start in range(0, len(cluster), most):
            part = cluster[start : start + most]
            if len(batches[-1]) + len(part) > most:
                batches.append([])
            batches[-1] += part
    return tuple(tuple(batch) for batch in batches if batch)


def _clusters(proposals: Sequence[Proposed], near: Near) -> list[list[Proposed]]:
    """Connected components: two proposals are related by an experience or by near wording."""
    among = Index.build(
        Document(Experience(f"G{i}", "", _text(p)), ())
        for i, p in enumerate(proposals, start=1)
        if _text(p)
    )
    leader = list(range(len(proposals)))

    def find(i: int) -> int:
        while leader[i] != i:
            i = leader[i]
        return i

    first_with: dict[str, int] = {}
    for i, proposed in enumerate(proposals):
        for id_ in _related(proposed, near):
            leader[find(i)] = find(first_with.setdefault(id_, i))
        text = _text(proposed)
        for twin in among.near(text) if text else ():
            leader[find(i)] = find(int(twin[1:]) - 1)
    clusters: dict[int, list[Proposed]] = {}
    for i, proposed in enumerate(proposals):
        clusters.setdefault(find(i), []).append(proposed)
    return list(clusters.values())


def _related(proposed: Proposed, near: Near) -> tuple[str, ...]:
    """Ids of the experiences that a proposal touches or is near to in wording."""
    text = _text(proposed)
    return (*touched_ids(proposed.operation), *(near(text) if text else ()))


def _text(proposed: Proposed) -> str:
    operation = proposed.operation
    return operation.text if isinstance(operation, Add | Revise | Merge) else ""
