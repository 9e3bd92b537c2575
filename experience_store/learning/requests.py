"""A question on its way to a language model, and one that nobody could answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from experience_store.learning.prompts import Question
from experience_store.learning.prompts.answers import Schema


@dataclass(frozen=True)
class Request:
    """One question that can be put to a language model now."""

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
    """A request that was given up, and why."""

    reason: str
