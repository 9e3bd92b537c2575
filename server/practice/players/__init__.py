"""Players: what attempts a task. One completion, or an agent with tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from experience_store.submissions.clean_text import clean
from server.practice.spending import Tab


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model is asked.

    Attributes:
        temperature: None for the endpoint's own.
        max_tokens: Of one answer; None for the endpoint's own bound.
        instructions: The system message; None for none.
        seeded: Whether each attempt is asked with a seed of its own, for endpoints that know them.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    instructions: str | None = None
    seeded: bool = False


class BrokenOffError(Exception):
    """A try broke off, mostly because the endpoint or a tool server was out of order.

    Attributes:
        again: Whether another try may do better.
        outage: Whether that is because something was out of order, and not the model's doing.
        refused: Whether the endpoint refused what it was asked; no try does better then.
    """

    def __init__(self, reason: str, *, outage: bool = True, refused: bool = False) -> None:
        super().__init__(clean(reason))
        self.again = not refused
        self.outage = outage and not refused
        self.refused = refused


class Player(Protocol):
    """Something that attempts tasks."""

    async def play(self, prompt: str, tab: Tab, seed: int) -> str:
        """Attempt the task once; its last words. Messages and spending go on the tab.

        Raises:
            BrokenOffError: If the try broke off.
            LimitReachedError: If it used more than a rollout may use.
            BudgetSpentError: If the run may not spend more.
            EndpointRefusedError: If no try can ever do better.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
