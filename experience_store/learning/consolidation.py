"""Step 3 in rounds: one on the version that an update began with, then one per rebase.

A round asks the model about conflicting proposals, in batches, and lets the others pass. The answer
must account for its batch: an operation without a proposal behind it is an invention, and a
proposal behind no operation was dropped; both are refused. If a batch gets no answer, the groups
pass that could have come one by one (see `conflicts`). The others contribute nothing this time, so
that they can be learned from later as a whole, as do all if another version was published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from experience_store.learning.bounds import allowing, one_each
from experience_store.learning.conflicts import (
    batches_of_conflicts,
    conflicting,
    outdated,
    separable,
)
from experience_store.learning.inputs import Near, Snapshot
from experience_store.learning.prompts import Answer, Consolidation, FailedRequest, Suggestion
from experience_store.learning.proposals import ProposalSet, proposal, refusal
from experience_store.operations import Keep, Proposed, Refusal, touched_ids
from experience_store.request_id import RequestId, compared_group


@dataclass(frozen=True, slots=True)
class Round:
    """One pass of step 3 over a version of the library.

    Attributes:
        before: The proposals at its start.
        passing: The proposals without conflicts.
        batches: The others, by the id of the request that consolidates them.
        rebased: Whether another version was published since the comparisons.
    """

    before: ProposalSet
    snapshot: Snapshot
    passing: tuple[Proposed, ...]
    batches: Mapping[str, tuple[Proposed, ...]]
    rebased: bool

    def after(self, answers: Mapping[str, Answer | FailedRequest]) -> ProposalSet:
        """The proposals left when all batches are answered or given up."""
        made = list(self.passing)
        refused = list(self.before.refused)
        held_back: dict[str, str] = {}
        for request_id, batch in self.batches.items():
            answer = answers.get(request_id)
            if isinstance(answer, Consolidation):
                operations, others = _accounted(
                    answer.suggestions, batch, request_id, self.snapshot.near
                )
                made += operations
                refused += others
            elif isinstance(answer, FailedRequest):
                alone = frozenset[str]() if self.rebased else separable(batch, self.snapshot.near)
                made += [p for p in batch if alone.issuperset(p.sources)]
                waiting = [p for p in batch if not alone.issuperset(p.sources)]
                reason = f"consolidation failed: {answer.reason}"
                refused += [refusal(p, reason) for p in waiting]
                held_back |= {source: reason for p in waiting for source in _comparisons(p)}
        kept = tuple(p for p in made if held_back.keys().isdisjoint(_comparisons(p)))
        refused += [refusal(p, "held back with its group") for p in made if p not in kept]
        return ProposalSet(kept, tuple(refused), {**self.before.held_back, **held_back})


def round_on(snapshots: Sequence[Snapshot], before: ProposalSet, most: int) -> Round:
    """The round on the last of these versions, with at most `most` proposals in a request."""
    *earlier, snapshot = snapshots
    if earlier:
        disputed = outdated(before.proposals, earlier[-1].state, snapshot)
    else:
        disputed = conflicting(before.proposals, snapshot.near)
    batches = batches_of_conflicts(disputed, snapshot.near, most)
    return Round(
        before,
        snapshot,
        passing=tuple(p for p in before.proposals if p not in disputed),
        batches={
            str(RequestId.consolidate(len(snapshots), number)): batch
            for number, batch in enumerate(batches, start=1)
        },
        rebased=bool(earlier),
    )


def named(batch: Sequence[Proposed]) -> dict[str, Proposed]:
    """The proposals of a batch by the names that the answer refers to."""
    return {f"p{i}": proposed for i, proposed in enumerate(batch, start=1)}


def _comparisons(proposed: Proposed) -> Iterator[str]:
    return (source for source in proposed.sources if compared_group(source) is not None)


def _accounted(
    suggestions: Sequence[Suggestion], batch: Sequence[Proposed], request_id: str, near: Near
) -> tuple[list[Proposed], list[Refusal]]:
    """The consolidated operations, each with all its sources; the others refused."""
    names = named(batch)
    made: list[Proposed] = []
    refused: list[Refusal] = []
    for suggestion, allowed_by in zip(suggestions, _allowed(suggestions, names, near), strict=True):
        behind = [names[o] for o in suggestion.origin if o in names]
        sources = (*dict.fromkeys(s for p in behind for s in p.sources), request_id)
        read = proposal(suggestion, sources)
        if isinstance(read, Refusal):
            refused.append(read)
        elif not behind:
            reason = "invented in consolidation: it names no proposal that it comes from"
            refused.append(refusal(read, reason))
        elif not allowed_by:
            refused.append(refusal(read, "more than its proposals allow"))
        else:
            made.append(_word_for_word(read, behind))
    changes = [s for s in suggestions if not isinstance(s.operation, Keep)]
    cited = {origin for suggestion in changes for origin in suggestion.origin}
    refused += [
        Refusal("dropped in consolidation", p.operation, sources=(*p.sources, request_id))
        for name, p in names.items()
        if name not in cited
    ]
    return made, refused


def _allowed(
    suggestions: Sequence[Suggestion], names: Mapping[str, Proposed], near: Near
) -> list[bool]:
    """Whether each suggestion is a Keep, or has a proposal of its own that allows it."""
    wanted = [
        []
        if isinstance(s.operation, Keep | Refusal)
        else allowing(s.operation, s.origin, names, near)
        for s in suggestions
    ]
    return [
        isinstance(s.operation, Keep) or name is not None
        for s, name in zip(suggestions, one_each(wanted), strict=True)
    ]


def _word_for_word(made: Proposed, behind: Sequence[Proposed]) -> Proposed:
    """A single proposal that is passed on without its wording stays as proposed."""
    (first, *others) = behind
    operation = made.operation
    if others or getattr(operation, "text", None) != "":
        return made
    same = type(operation) is type(first.operation)
    if same and touched_ids(operation) == touched_ids(first.operation):
        return replace(made, operation=first.operation)
    return made
