"""What an update is given: groups to learn from, versions of the library, and what it may spend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from experience_store.library import Experience, State
from experience_store.trajectory import Group

Near: TypeAlias = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class GroupInput:
    """One group as an update sees it.

    Attributes:
        relevant: Existing experiences for its task, most relevant first.
        served: For each trajectory id, the ids of the experiences it had been given.
    """

    group: Group
    relevant: tuple[Experience, ...] = ()
    served: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version of the library, and which of its experiences a text is near to in wording."""

    state: State
    near: Near


@dataclass(frozen=True, slots=True)
class PromptBudget:
    """How much a driver may put before a language model, in estimated tokens.

    Attributes:
        compare_tokens: Size of a Compare request.
        experience_tokens: Existing experiences in it, most relevant first.
        summarise: Whether attempts may be summarised by calls of their own.
        summarise_tokens: Size of a Summarise request.
        max_attempts: Attempts of one group that are compared.
    """

    compare_tokens: int
    experience_tokens: int
    summarise: bool
    summarise_tokens: int
    max_attempts: int


HOST = PromptBudget(5_600, 600, summarise=False, summarise_tokens=0, max_attempts=8)
MODEL = PromptBudget(9_000, 600, summarise=True, summarise_tokens=24_000, max_attempts=16)
