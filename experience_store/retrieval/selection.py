"""Which experiences are served for a task within a token budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from experience_store.library import Experience, State
from experience_store.retrieval.index import Index

# Of a library that is served whole, how many come in order of relevance at most.
_RANKED = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """What is served.

    Attributes:
        experiences: In the order in which they are shown.
        omitted: How many the library has beyond these.
        tokens: What these cost as the JSON pairs `"G12": "Name: text",`.
    """

    experiences: tuple[Experience, ...]
    omitted: int
    tokens: int


def select(state: State, index: Index, task: str | None, max_tokens: int) -> Selection:
    """The experiences worth having for a task within a token budget.

    A library that fits the budget is served whole: first what matches the task, best first, then
    the rest in the order of ids.

    Of a larger one, only what matches is served, best first. What is too long for the rest of the
    budget is passed over, as something shorter may still fit; twice as many are looked at as would
    fit on average. If nothing matches, or there is no task, the newest are served: they were
    learned in knowledge of the older ones.

    Args:
        state: The library.
        index: The index of this very state.
        task: What the agent is about to do, if that is known.
        max_tokens: With 0, or too few for any experience, nothing is selected.

    Raises:
        ValueError: If the index cannot be of this state.
    """
    if len(index) != len(state.experiences):
        raise ValueError(f"the index is not of version {state.version} of {state.library!r}")
    if index.tokens <= max_tokens:
        return Selection(_best_first(state, index, task), 0, index.tokens)
    if max_tokens < 1:
        return Selection((), len(index), 0)
    limit = 10 + 2 * max_tokens * len(index) // index.tokens
    best = [index.experience(id_) for id_, _ in index.rank(task or "", limit)]
    return _packed(best or state.experiences[: -limit - 1 : -1], index, max_tokens)


def _best_first(state: State, index: Index, task: str | None) -> tuple[Experience, ...]:
    best = {id_: index.experience(id_) for id_, _ in index.rank(task or "", _RANKED)}
    return (*best.values(), *(e for e in state.experiences if e.id not in best))


def _packed(candidates: Iterable[Experience], index: Index, max_tokens: int) -> Selection:
    packed: list[Experience] = []
    left = max_tokens
    for experience in candidates:
        cost = index.cost(experience.id)
        if cost <= left:
            packed.append(experience)
            left -= cost
    return Selection(tuple(packed), len(index) - len(packed), max_tokens - left)
