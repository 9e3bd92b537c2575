"""The inputs of an update: groups, versions of the library, a budget; and the attempts it compares.

With rewards, the scored attempts are compared, as an unscored one tells nothing; of too many, the
best and the worst are kept, as they differ most. Without rewards, the first ones are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from experience_store.learning.transcript import length
from experience_store.library import Experience, Policy, State
from experience_store.trajectory import Group, Trajectory

Near: TypeAlias = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class GroupInput:
    """One group, as an update sees it.

    Attributes:
        relevant: Existing experiences for its task, most relevant first.
        served: For each trajectory id, the ids of the experiences the attempt was given.
    """

    group: Group
    relevant: tuple[Experience, ...] = ()
    served: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version of the library, with a search for experiences near to a text in wording."""

    state: State
    near: Near


@dataclass(frozen=True, slots=True)
class PromptBudget:
    """Limits on the prompts of a driver, in estimated tokens.

    Attributes:
        compare_tokens: Size of a Compare request.
        experience_tokens: Share of it for existing experiences, most relevant first.
        summarise: Whether long attempts are summarised by requests of their own.
        summarise_tokens: Size of a Summarise request.
        max_attempts: Maximum attempts compared per group.
        max_proposals: Maximum proposals in a Consolidate request, of about 60 tokens each.
    """

    compare_tokens: int
    experience_tokens: int
    summarise: bool
    summarise_tokens: int
    max_attempts: int
    max_proposals: int = 40


MAX_CHARS_PER_TOKEN = 8  # a text with more is long anyway
HOST = PromptBudget(5_600, 600, summarise=False, summarise_tokens=0, max_attempts=8)
MODEL = PromptBudget(9_000, 600, summarise=True, summarise_tokens=24_000, max_attempts=16)
_FIXED = 1_800  # tokens of a Compare request without attempts, at most
_PER_ATTEMPT, _PER_PROPOSAL = 350, 300  # tokens that each needs, with what belongs to it


def model_budget(prompt_tokens: int | None) -> PromptBudget:
    """The limits for a model that cannot read long prompts: nothing is larger than for others.

    Args:
        prompt_tokens: Maximum estimated tokens of a prompt, at least 2,500: instructions, a long
            task and two attempts; None for the usual limits.
    """
    if prompt_tokens is None:
        return MODEL
    attempts = (prompt_tokens - _FIXED) // _PER_ATTEMPT
    proposals = (prompt_tokens - _FIXED // 2) // _PER_PROPOSAL
    return PromptBudget(
        compare_tokens=min(MODEL.compare_tokens, prompt_tokens),
        experience_tokens=min(MODEL.experience_tokens, prompt_tokens // 15),
        summarise=True,
        summarise_tokens=min(MODEL.summarise_tokens, prompt_tokens),
        max_attempts=max(2, min(MODEL.max_attempts, attempts)),
        max_proposals=max(2, min(MODEL.max_proposals, proposals)),
    )


@dataclass(frozen=True, slots=True)
class SelectedAttempts:
    """The attempts of a group to compare.

    Attributes:
        attempts: The attempts, best first; in their original order if not rewarded.
        left_out: How many others there are, and why; empty if none.
        rewarded: Whether their rewards tell anything.
    """

    attempts: tuple[Trajectory, ...]
    left_out: str
    rewarded: bool


def choose(group: Group, policy: Policy, *, most: int) -> SelectedAttempts:
    """Choose at most `most` attempts of a group to compare."""
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
    """Whether an attempt, without its first `shared` messages, has more tokens than `above`."""
    size = sum(
        len(m.text) + sum(len(c.arguments) for c in m.tool_calls)
        for m in trajectory.messages[shared:]
    )
    if not above < size < above * MAX_CHARS_PER_TOKEN:
        return size > above
    return length(trajectory.messages[shared:]) > above
