"""What an answer may change: as much as its request allows, and no more.

The attempts in a prompt may try to talk the model into anything, so an answer is not believed
because a model gave it. A comparison may change the experiences that it was shown. A consolidation
carries out its proposals, narrows or drops them: each allows one operation, of its own kind or a
milder one, on its own experiences. An Add may become a Revise of an experience that nearly says it,
and proposals about several experiences one Merge of these. What exceeds this is refused, with the
reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from experience_store.learning.inputs import Near
from experience_store.learning.prompts import Comparison, Suggestion
from experience_store.operations import (
    Add,
    Keep,
    Merge,
    Operation,
    Proposed,
    Refusal,
    Retire,
    Revise,
    touched_ids,
)

MAX_MERGED = 6  # experiences that one Merge may make into one


def only_shown(comparison: Comparison, shown: Collection[str]) -> Comparison:
    """The comparison, with refusals of the suggestions that name what it was not shown."""
    bounded = tuple(_bounded(suggestion, shown) for suggestion in comparison.suggestions)
    return replace(comparison, suggestions=bounded)


def allowing(
    operation: Operation, origin: Sequence[str], proposals: Mapping[str, Proposed], near: Near
) -> list[str]:
    """The names of the proposals in `origin` of which each would allow the operation.

    Args:
        operation: What a consolidation made of them.
        origin: The names of the proposals that it comes from.
        proposals: The proposals of the request, by name.
        near: The experiences near to a text in wording.
    """
    behind = {name: proposals[name].operation for name in origin if name in proposals}
    if not isinstance(operation, Merge):
        return [name for name, proposed in behind.items() if _allows(proposed, operation, near)]
    changing = {name: touched_ids(o) for name, o in behind.items() if not isinstance(o, Keep)}
    changed = {id_ for ids in changing.values() for id_ in ids}
    if len(operation.ids) > MAX_MERGED or not changed.issuperset(operation.ids):
        return []
    return [name for name, ids in changing.items() if not set(ids).isdisjoint(operation.ids)]


def one_each(wanted: Sequence[Sequence[str]]) -> list[str | None]:
    """A proposal for each operation, none for two of them; None where too few allow it.

    Args:
        wanted: For each operation, the names of the proposals that allow it.
    """
    taken: dict[str, int] = {}

    def find(position: int, tried: set[str]) -> bool:
        """Whether there is one left, or one whose operation can have another instead."""
        for name in wanted[position]:
            if name not in tried:
                tried.add(name)
                if name not in taken or find(taken[name], tried):
                    taken[name] = position
                    return True
        return False

    for position in range(len(wanted)):
        find(position, set())
    found = {position: name for name, position in taken.items()}
    return [found.get(position) for position in range(len(wanted))]


def _bounded(suggestion: Suggestion, shown: Collection[str]) -> Suggestion:
    operation = suggestion.operation
    if isinstance(operation, Refusal):
        return suggestion
    foreign = [id_ for id_ in touched_ids(operation) if id_ not in shown]
    if foreign:
        reason = f"{foreign[0]} was not shown in this request"
    elif isinstance(operation, Merge) and len(operation.ids) > MAX_MERGED:
        reason = f"a Merge takes at most {MAX_MERGED} experiences, not {len(operation.ids)}"
    else:
        return suggestion
    return replace(suggestion, operation=Refusal(reason, operation))


def _allows(proposed: Operation, operation: Operation, near: Near) -> bool:
    """Whether one proposal allows an operation; a Merge may need several, a Keep needs none."""
    own = touched_ids(proposed)
    match operation:
        case Add():
            return isinstance(proposed, Add)
        case Retire():
            return isinstance(proposed, Retire) and operation.id in own
        case Revise(id=id_):
            if isinstance(proposed, Add):
                return id_ in near(proposed.text)
            return not isinstance(proposed, Keep) and id_ in own
        case Merge() | Keep():
            return False
