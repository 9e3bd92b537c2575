"""Selects the experiences to serve for a task within a token budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from experience_store.library import Experience, State
from experience_store.retrieval.index import Index

_RANKED = 500  # maximum experiences ranked by relevance in a library that is served whole


@dataclass(frozen=True, slots=True)
class Selection:
    """The experiences to serve.

    Attributes:
        experiences: The experiences, in order.
        omitted: Number of other experiences in the library.
        tokens: Estimated tokens as JSON pairs `"G12": "Name: text",`.
    """

    experiences: tuple[Experience, ...]
    omitted: int
    tokens: int


def select(state: State, index: Index, task: str | None, max_tokens: int) -> Selection:
    """Select the experiences for a task within a token budget.

    The order does not depend on the budget: experiences that match the task, best first, then the
    others, newest first, as newer ones were learned with knowledge of the older. A library that
    fits the budget is served whole. Of a larger one, only matches are served; others only if
    nothing matches or there is no task. The selection ends before the first one that does not fit:
    a smaller budget gets a prefix of what a larger one gets, and nothing short replaces something
    better that is too long.

    Args:
        state: The library.
        index: The index of this state.
        task: The task, if known.
        max_tokens: The token budget.

    Raises:
        ValueError: If the index is not of this state.
    """
    if len(index) != len(state.experiences):
        raise ValueError(f"the index is not of version {state.version} of {state.library!r}")
    if index.tokens <= max_tokens:
        return Selection(_best_first(state, index, task), 0, index.tokens)
    if max_tokens < 1:
        return Selection((), len(index), 0)
    # twice as many as fit on average
    limit = 10 + 2 * max_tokens * len(index) // index.tokens
    best = [index.experience(id_) for id_, _ in index.rank(task or "", limit)]
    return _beginning(best or reversed(state.experiences), index, max_tokens)


def _best_first(state: State, index: Index, task: str | None) -> tuple[Experience, ...]:
    best = {id_: index.experience(id_) for id_, _ in index.rank(task or "", _RANKED)}
    return (*best.values(), *(e for e in reversed(state.experiences) if e.id not in best))


def _beginning(candidates: Iterable[Experience], index: Index, max_tokens: int) -> Selection:
    fitting: list[Experience] = []
    left = max_tokens
    for experience in candidates:
        cost = index.cost(experience.id)
        if cost > left:
            break
        fitting.append(experience)
        left -= cost
    return Selection(tuple(fitting), len(index) - len(fitting), max_tokens - left)
