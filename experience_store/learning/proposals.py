"""The operations that comparisons propose, each with the answers it comes from.

A proposal that cannot be read, or breaks a rule on its own, is refused at once and needs no
consolidation. Nothing is dropped without a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from experience_store.errors import AnswerRefusedError
from experience_store.learning.prompts import Comparison, Suggestion
from experience_store.library import Policy, State
from experience_store.operations import Add, Merge, Proposed, Refusal, Revise, apply, too_long


@dataclass(frozen=True, slots=True)
class ProposalSet:
    """The remaining proposals, and what happened to the others.

    Attributes:
        proposals: The remaining proposals.
        refused: The refused ones.
        held_back: Comparisons whose groups contribute nothing this time, with the reason.
    """

    proposals: tuple[Proposed, ...]
    refused: tuple[Refusal, ...]
    held_back: Mapping[str, str] = field(default_factory=dict[str, str])


def refuse_if_unreadable(suggestions: Sequence[Suggestion]) -> None:
    """Refuse an answer in which no operation can be read.

    Raises:
        AnswerRefusedError: With the problem of the first operation.
    """
    unread = [s.operation for s in suggestions if isinstance(s.operation, Refusal)]
    if unread and len(unread) == len(suggestions):
        raise AnswerRefusedError(f"operations: {unread[0].reason}")


def refuse_if_too_long(suggestions: Sequence[Suggestion], policy: Policy) -> None:
    """Refuse an answer with experiences that are too long.

    Raises:
        AnswerRefusedError: With each of them, and by how much.
    """
    problems = [
        f"operation {number} ({suggestion.operation.name!r}): {problem}"
        for number, suggestion in enumerate(suggestions, start=1)
        if isinstance(suggestion.operation, Add | Revise | Merge)
        and (problem := too_long(suggestion.operation.name, suggestion.operation.text, policy))
    ]
    if problems:
        raise AnswerRefusedError(
            f"{'; '.join(problems)}. Say it shorter and send the whole answer again; what is "
            "still too long then is left out."
        )


def proposals(comparisons: Mapping[str, Comparison], state: State, policy: Policy) -> ProposalSet:
    """The proposals of the comparisons, for a version of the library."""
    proposed: list[Proposed] = []
    refused: list[Refusal] = []
    for source, comparison in comparisons.items():
        for position, suggestion in enumerate(comparison.suggestions):
            read = proposal(suggestion, (source,))
            if isinstance(read, Refusal):
                refused.append(read)
            elif position >= policy.max_lessons:
                reason = f"one group may propose {policy.max_lessons} operations"
                refused.append(refusal(read, reason))
            else:
                proposed.append(read)
    valid, invalid = _screened(proposed, state, policy)
    return ProposalSet(valid, (*refused, *invalid))


def proposal(suggestion: Suggestion, sources: tuple[str, ...]) -> Proposed | Refusal:
    """A suggestion with the answers that it comes from."""
    if isinstance(suggestion.operation, Refusal):
        return replace(suggestion.operation, sources=sources)
    return Proposed(suggestion.operation, sources)


def refusal(proposed: Proposed, reason: str) -> Refusal:
    """The refusal of a proposal."""
    return Refusal(reason, proposed.operation, sources=proposed.sources)


def _screened(
    proposed: Iterable[Proposed], state: State, policy: Policy
) -> tuple[tuple[Proposed, ...], tuple[Refusal, ...]]:
    """Try each proposal alone; those that fail are refused."""
    roomy = replace(policy, max_experiences=len(state.experiences) + 1)
    tried = [(p, apply(state, [p], roomy).refused) for p in proposed]
    valid = tuple(p for p, refused in tried if not refused)
    return valid, tuple(r for _, refused in tried for r in refused)
