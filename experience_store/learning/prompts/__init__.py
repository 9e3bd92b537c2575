"""The questions of an update to a language model, one module each, and `Request`: one to be sent.

The module of a question has its typed input, the prompt (its text is in the Markdown file of the
same name), the JSON schema of the answer, and the parser. Each prompt is self-contained. Outside
text (tasks, attempts, feedback) is put inside tags that it cannot close; the prompt says that it is
material, not instructions. Every rendering has a golden test.

Reading order: `blocks`, `answers`, then `summarise`, `compare`, `consolidate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from experience_store.learning.prompts.answers import Schema, Suggestion
from experience_store.learning.prompts.blocks import Aim
from experience_store.learning.prompts.compare import Compare, ComparedAttempt, Comparison
from experience_store.learning.prompts.consolidate import (
    Consolidate,
    Consolidation,
    NumberedProposal,
)
from experience_store.learning.prompts.summarise import Summarise, Summary

Question: TypeAlias = Summarise | Compare | Consolidate
Answer: TypeAlias = Summary | Comparison | Consolidation

__all__ = [
    "Aim",
    "Answer",
    "Compare",
    "ComparedAttempt",
    "Comparison",
    "Consolidate",
    "Consolidation",
    "NumberedProposal",
    "Question",
    "Suggestion",
    "Summarise",
    "Summary",
]


@dataclass(frozen=True)
class Request:
    """One question that can be sent to a language model now."""

    id: str
    question: Question

    @property
    def step(self) -> str:
        """`summarise`, `compare` or `consolidate`."""
        return type(self.question).__name__.lower()

    @cached_property
    def prompt(self) -> str:
        """The rendered prompt; the same at every rendering."""
        return self.question.prompt()

    @property
    def schema(self) -> Schema:
        """JSON schema of the answer, fit for strict structured output."""
        return self.question.schema


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that was given up, with the reason."""

    reason: str
