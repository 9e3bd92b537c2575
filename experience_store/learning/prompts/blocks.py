"""What the prompts have in common: their templates, and the blocks that fill them.

A block holds something from outside, clipped and between tags that it cannot close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from experience_store.learning.transcript import quote
from experience_store.library import Experience, Library
from experience_store.token_estimate import clip_to_tokens
from experience_store.trajectory import Group, Trajectory

MIN_ATTEMPT_TOKENS = 120
_OBJECTIVE_TOKENS = 200
_TASK_TOKENS = 600
_GROUND_TRUTH_TOKENS = 300
_FEEDBACK_TOKENS = 120


@dataclass(frozen=True, slots=True)
class Aim:
    """What the library is for, and the bounds its policy sets to an answer."""

    agent_objective: str | None
    learning_objective: str | None
    max_words: int
    max_lessons: int

    @classmethod
    def of(cls, library: Library) -> Aim:
        """What a library says of itself."""
        return cls(
            library.agent_objective,
            library.learning_objective,
            library.policy.max_words,
            library.policy.max_lessons,
        )

    def text(self) -> str:
        """The objectives as prompts show them; empty when there are none."""
        lines = [
            f"{label}: {clip(value, _OBJECTIVE_TOKENS)}"
            for label, value in (
                ("The agent's work", self.agent_objective),
                ("What it should get better at", self.learning_objective),
            )
            if value
        ]
        return "\n".join(["", *lines, ""]) if lines else ""


@cache
def template(name: str) -> Template:
    """The prompt text of this name, a file beside this module."""
    path = files("experience_store.learning.prompts") / f"{name}.md"
    return Template(path.read_text(encoding="utf-8"))


def clip(text: str, tokens: int) -> str:
    """A text from outside, cut to this many estimated tokens."""
    return quote(clip_to_tokens(text, tokens))


def task(group: Group) -> str:
    """What the attempts were to do."""
    return clip(group.task, _TASK_TOKENS)


def listed(experiences: Sequence[Experience]) -> str:
    """Experiences with their ids, one a line."""
    return "\n".join(f"{e.id} {quote(e.line())}" for e in experiences) or "(none yet)"


def ground_truth(group: Group, *, rewarded: bool) -> str:
    """The reference answer, withheld where there are no rewards."""
    return _tagged("ground_truth", group.ground_truth if rewarded else None, _GROUND_TRUTH_TOKENS)


def feedback(trajectory: Trajectory, *, rewarded: bool) -> str:
    """What the verifier said, withheld where there are no rewards."""
    return _tagged("feedback", trajectory.feedback if rewarded else None, _FEEDBACK_TOKENS)


def reward_attribute(trajectory: Trajectory, *, rewarded: bool) -> str:
    """The reward as an attribute of the attempt's tag."""
    if not rewarded:
        return ""
    reward = trajectory.reward
    return f' reward="{"unscored" if reward is None else f"{reward:.12g}"}"'


def _tagged(tag: str, text: str | None, tokens: int) -> str:
    return f"<{tag}>\n{clip(text, tokens)}\n</{tag}>\n" if text else ""
