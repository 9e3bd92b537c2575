"""Players: what attempts a task. One completion, or an agent with tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from experience_store.submissions.clean_text import clean
from server.learning.models import Unusable
from server.practice.spending import UsageMeter


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parameters of the model calls.

    Attributes:
        temperature: None for the endpoint's own.
        max_tokens: Maximum tokens of one completion; None for the endpoint's own limit.
        instructions: The system message; None for none.
        seeded: Whether each attempt sends a seed of its own, for endpoints that support seeds.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    instructions: str | None = None
    seeded: bool = False


class BrokenOffError(Exception):
    """A try broke off, usually because of an outage of the endpoint or a tool server.

    Attributes:
        again: Whether another try may do better.
        outage: Whether that is because of an outage, and not the model's doing.
        refused: Whether the endpoint refused what it was asked; no try does better then.
    """

    def __init__(self, reason: str, *, outage: bool = True, refused: bool = False) -> None:
        super().__init__(clean(reason))
        self.again = not refused
        self.outage = outage and not refused
        self.refused = refused


class UnusableAnswerError(BrokenOffError):
    """The model ended a try with something that is not a whole answer.

    That is no outage, and no reward either. What was cut or refused is not tried again: that would
    choose among the model's answers those that are short and willing.

    Attributes:
        unusable: What came in place of an answer.
    """

    def __init__(self, name: str, unusable: Unusable) -> None:
        super().__init__(f"{name}: {unusable.reason}", outage=False)
        self.again = unusable.kind not in {"cut", "refusal"}
        self.unusable = unusable.kind


class Player(Protocol):
    """Something that attempts tasks."""

    async def play(self, prompt: str, meter: UsageMeter, seed: int) -> str:
        """Attempt the task once; returns the last words. Messages and spending go to the meter.

        Raises:
            BrokenOffError: If the try broke off.
            LimitReachedError: If it reached a limit of rollouts.
            BudgetSpentError: If the run may not spend more.
            EndpointRefusedError: If no try can ever do better.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
