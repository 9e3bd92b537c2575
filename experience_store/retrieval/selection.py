"""Which experiences are served for a task within a token budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from experience_store.library import Experience, State
from experience_store.retrieval.index import Index

# In a library that is served whole, how many are ordered by relevance at most.
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

    There is one order, whatever the budget: what matches the task, best first, then the rest,
    newest first, as they were learned in knowledge of the older ones. A library that fits the
    budget is served whole. Of a larger one, only what matches is served; the rest only if nothing
    matches or there is no task. It ends before the first that does not fit: what a smaller budget
    gets is the beginning of what a larger one gets, and nothing short takes the place of something
    better that is too long.

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
    # twice as many as would fit on average
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
