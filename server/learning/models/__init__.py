"""Model clients: the protocol of a model that answers the questions of the learner or a judge.

`endpoint` implements it for OpenAI-compatible endpoints, whose responses `completions` parses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from experience_store.learning.prompts import Request
from experience_store.learning.prompts.answers import Schema
from experience_store.store import Usage


class Question(Protocol):
    """A question other than the learner's, such as a judge's."""

    @property
    def step(self) -> str:
        """The kind of question, in letters."""
        ...

    @property
    def prompt(self) -> str:
        """The whole prompt."""
        ...

    @property
    def schema(self) -> Schema:
        """JSON schema of the answer, fit for strict structured output."""
        ...


# A request has the same shape, but to the type checker a cached property is not a property.
Asked: TypeAlias = Request | Question


@dataclass(frozen=True, slots=True)
class Correction:
    """An earlier answer to the same request, and why it was refused."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of a model, and its cost.

    Attributes:
        estimated: Whether the tokens are estimated, because the endpoint reports none.
        filtered: Whether the endpoint's content filter withheld the text.
    """

    text: str
    usage: Usage
    estimated: bool = False
    filtered: bool = False


class ModelUnavailableError(Exception):
    """The model is unavailable now; the question may be asked again later."""


class ModelForbiddenError(ModelUnavailableError):
    """The endpoint refuses every call: the API key or the model name is wrong."""


class ModelQuotaError(ModelUnavailableError):
    """The endpoint's quota or credit is exhausted."""


class ModelRefusedError(Exception):
    """The model will not answer this question; asking again is useless."""


class Model(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """Its name in histories."""
        ...

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        """Ask a question, with a correction if an earlier answer was refused.

        Raises:
            ModelUnavailableError: If it is unavailable, after all retries.
            ModelRefusedError: If it will not answer this question.
        """
        ...

    async def probe(self) -> None:
        """Ask the endpoint one tiny question.

        Raises:
            ModelUnavailableError: If it is not usable now.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
