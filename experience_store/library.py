"""Libraries: their objectives, their policy and the experiences they hold."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from experience_store.errors import BadInputError

DEFAULT_LIBRARY = "default"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a library may contain and how it learns.

    Attributes:
        max_words: Maximum words per experience (32 in the paper).
        max_experiences: Maximum size; an Add beyond it is refused.
        max_lessons: Maximum operations proposed per group.
        min_spread: A group has signal when its largest minus its smallest reward exceeds this.
        learn_without_rewards: Whether to compare groups without any reward too.
        learn_from_single_attempts: Whether to learn from a group of one attempt, without a
            comparison.
        summarise_above: Estimated tokens above which a configured model summarises an attempt in a
            call of its own. Hosts never summarise; they get shortened attempts.
        review: Whether a person must approve an update before it is published.
        allow_links: Whether an experience may contain a link.
        allow_commands: Whether an experience may contain a shell command that changes a machine.
    """

    max_words: int = 32
    max_experiences: int = 10_000
    max_lessons: int = 3
    min_spread: float = 0.0
    learn_without_rewards: bool = False
    learn_from_single_attempts: bool = False
    summarise_above: int = 12_000
    review: bool = False
    allow_links: bool = False
    allow_commands: bool = False

    def __post_init__(self) -> None:
        """Refuse a policy under which nothing can be learned."""
        for name in ("max_words", "max_experiences", "max_lessons", "summarise_above"):
            if getattr(self, name) < 1:
                raise BadInputError(f"policy: {name} must be at least 1")
        if not 0 <= self.min_spread < math.inf:
            raise BadInputError("policy: min_spread must be a finite number, at least 0")


@dataclass(frozen=True, slots=True)
class Experience:
    """One lesson, with an id (`G1`, `G2`, ...) that is never reused in its library."""

    id: str
    name: str
    text: str

    def line(self) -> str:
        """The experience as shown to agents and in prompts."""
        return f"{self.name}: {self.text}" if self.name else self.text


@dataclass(frozen=True, slots=True)
class Library:
    """A named set of experiences for one kind of work.

    Attributes:
        name: Lower-case letters, digits, dot, dash and underscore.
        head: Number of the current version.
        size: Number of experiences in the current version.
        agent_objective: What the agent does.
        learning_objective: What it should get better at.
        serial: Distinguishes it from deleted libraries of the same name; 0 if not stored.
    """

    name: str
    head: int = 0
    size: int = 0
    agent_objective: str | None = None
    learning_objective: str | None = None
    policy: Policy = field(default_factory=Policy)
    created_at: datetime | None = None
    serial: int = 0


@dataclass(frozen=True)
class State:
    """The contents of a library at one version, in order of ids."""

    library: str
    version: int
    experiences: tuple[Experience, ...]
    next_id: int = 1

    @cached_property
    def by_id(self) -> Mapping[str, Experience]:
        """The experiences by id."""
        return {e.id: e for e in self.experiences}

    @cached_property
    def wordings(self) -> Mapping[str, str]:
        """The ids of the experiences by `wording`."""
        return {wording(e.text): e.id for e in self.experiences}


def check_library_name(name: str) -> str:
    """The name, if it is valid for a library.

    Raises:
        BadInputError: If it is not 1 to 64 lower-case letters, digits, dots, dashes, underscores.
    """
    if not _NAME.fullmatch(name):
        suggestion = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64].strip("-._")
        hint = f" Try {suggestion!r}." if suggestion else ""
        raise BadInputError(
            f"{name[:80]!r} is not a valid library name: use 1 to 64 lower-case letters, digits, "
            f"'-', '_' or '.', with a letter or digit first and last.{hint}"
        )
    return name


def wording(text: str) -> str:
    """A text without case, punctuation and spacing; equal for lessons that say the same."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded))
