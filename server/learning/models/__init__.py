"""Language models that answer questions: the learner's, and a judge's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from experience_store.learning.prompts import Request
from experience_store.learning.prompts.answers import Schema
from experience_store.store import Usage


class Question(Protocol):
    """A question that is not the learner's, such as a judge's."""

    @property
    def step(self) -> str:
        """What kind of question it is, in letters."""
        ...

    @property
    def prompt(self) -> str:
        """All that the model is shown."""
        ...

    @property
    def schema(self) -> Schema:
        """JSON schema of the answer, fit for strict structured output."""
        ...


# A request has this shape too, but a cached property is no property to the type checker.
Asked: TypeAlias = Request | Question


@dataclass(frozen=True, slots=True)
class Correction:
    """An earlier answer to the same request, and why it could not be used."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, and what that cost.

    Attributes:
        estimated: Whether the tokens are estimated, because the endpoint reports none.
        filtered: Whether there is no text because the endpoint held it back for its content.
    """

    text: str
    usage: Usage
    estimated: bool = False
    filtered: bool = False


class ModelUnavailableError(Exception):
    """The model cannot be reached now; the question may be put again later."""


class ModelForbiddenError(ModelUnavailableError):
    """The endpoint refuses every call: the key or the model's name is wrong."""


class ModelQuotaError(ModelUnavailableError):
    """The endpoint's quota or credit is spent."""


class ModelRefusedError(Exception):
    """The model will not answer this question; putting it again is no use."""


class Model(Protocol):
    """Something that answers requests."""

    @property
    def name(self) -> str:
        """How it is called in histories."""
        ...

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        """Put a question, with what was wrong with an earlier answer if there was one.

        Raises:
            ModelUnavailableError: If it cannot be reached, after all retries.
            ModelRefusedError: If it will not answer this.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
