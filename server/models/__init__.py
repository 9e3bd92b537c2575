"""Language models that answer the learner's questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from experience_store.learning.requests import Request
from experience_store.store import Usage


@dataclass(frozen=True, slots=True)
class Correction:
    """An earlier answer to the same request, and why it could not be used."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, and what that cost."""

    text: str
    usage: Usage


class ModelUnavailableError(Exception):
    """The model cannot be reached now; the question may be put again later."""


class ModelRefusedError(Exception):
    """The model will not answer this question; putting it again is no use."""


class Model(Protocol):
    """Something that answers requests."""

    @property
    def name(self) -> str:
        """How it is called in histories."""
        ...

    async def ask(self, request: Request, correction: Correction | None = None) -> Reply:
        """Put a question, with what was wrong with an earlier answer if there was one.

        Raises:
            ModelUnavailableError: If it cannot be reached, after all retries.
            ModelRefusedError: If it will not answer this.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
