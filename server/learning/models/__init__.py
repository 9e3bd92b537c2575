"""Model clients: the protocol of a model that answers the questions of the learner or a judge.

`endpoint` implements it for OpenAI-compatible endpoints. Reading order: `client` sends requests,
for the players of `practice` as well; it weakens what an endpoint declines (`parameters`), joins
streams (`streaming`) and brings every response into one form (`standard_form`). `completions` reads
that form, `error_responses` what came in place of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

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


UnusableKind: TypeAlias = Literal["cut", "empty", "refusal", "tool_call", "filtered"]


@dataclass(frozen=True, slots=True)
class Unusable:
    """What came in place of a whole answer.

    Attributes:
        kind: `cut` at a token limit, `empty`, a `refusal` of the model's, a `tool_call` where text
            was wanted, or `filtered` by the endpoint.
        reason: In words.
    """

    kind: UnusableKind
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of a model, and its cost.

    Attributes:
        text: The answer, without thoughts.
        estimated: Whether the tokens are estimated, because the endpoint reports none.
        reasoning: The thoughts behind the answer, as far as the endpoint tells them.
        unusable: Why the text is not a whole answer; None if it is.
    """

    text: str
    usage: Usage
    estimated: bool = False
    reasoning: str = ""
    unusable: Unusable | None = None


class ModelUnavailableError(Exception):
    """The model is unavailable now; the question may be asked again later."""


class ModelLateError(ModelUnavailableError):
    """The model gave no answer in time."""


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
        """Ask a question so small that only an endpoint which is down or refuses all fails it.

        Raises:
            ModelUnavailableError: If it is not usable now.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
