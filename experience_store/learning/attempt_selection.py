"""Which attempts of a group are compared, and which of them are too long to be shown as they are.

With rewards, the scored ones are compared; an attempt that nobody scored tells nothing. Of too
many, the best and the worst are kept, for they differ most. Without rewards, the first are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experience_store.learning.transcript import length
from experience_store.library import Policy
from experience_store.trajectory import Group, Trajectory

MAX_CHARS_PER_TOKEN = 8  # longer ones are so rare that what has them is long anyway


@dataclass(frozen=True, slots=True)
class SelectedAttempts:
    """The attempts of a group that are compared.

    Attributes:
        attempts: Best first; as they were given if their rewards tell nothing.
        left_out: How many others there are, and why; empty if there are none.
        rewarded: Whether their rewards tell anything.
    """

    attempts: tuple[Trajectory, ...]
    left_out: str
    rewarded: bool


def choose(group: Group, policy: Policy, *, most: int) -> SelectedAttempts:
    """Choose at most `most` attempts of a group."""
    alone = policy.learn_from_single_attempts and len(group.trajectories) == 1
    rewarded = group.has_signal(policy.min_spread) or (alone and bool(group.scored()))
    pool = group.scored() if rewarded else group.trajectories
    kept = _extremes(pool, most) if rewarded else tuple(pool[:most])
    left_out: list[str] = []
    if unscored := len(group.trajectories) - len(pool):
        left_out.append(f"{unscored} unscored attempts are left out: they tell nothing")
    if others := len(pool) - len(kept):
        which = "attempts with rewards in between" if rewarded else "later attempts"
        left_out.append(f"{others} {which} are left out for length")
    return SelectedAttempts(kept, "; ".join(left_out), rewarded)


def _extremes(scored: Sequence[Trajectory], most: int) -> tuple[Trajectory, ...]:
    ranked = sorted(scored, key=lambda t: -(t.reward or 0))
    if len(ranked) > most:
        ranked = ranked[: most - most // 2] + ranked[len(ranked) - most // 2 :]
    return tuple(ranked)


def is_long(trajectory: Trajectory, shared: int, above: int) -> bool:
    """Whether an attempt, without the beginning that all share, has more tokens than `above`."""
    size = sum(
        len(m.text) + sum(len(c.arguments) for c in m.tool_calls)
        for m in trajectory.messages[shared:]
    )
    if not above < size < above * MAX_CHARS_PER_TOKEN:
        return size > above
    return length(trajectory.messages[shared:]) > above
