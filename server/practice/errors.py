"""What stops a run, and how work that goes on side by side ends then.

Each error can be recovered from with the same command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from experience_store.errors import BadInputError, ExperienceError

T = TypeVar("T")


class RunStoppedError(ExperienceError):
    """The run cannot go on now."""


class OtherRunError(BadInputError):
    """The folder holds a run that was started with other settings."""


class EndpointRefusedError(BadInputError):
    """The endpoint refuses every call; nothing can be done with it as it is configured."""


class BudgetSpentError(ExperienceError):
    """The budget of the run is spent."""


class QuotaSpentError(BudgetSpentError):
    """The endpoint's quota or credit is spent."""

    def __init__(self, whose: str, said: object) -> None:
        super().__init__(
            f"the quota or credit of {whose} is spent: {' '.join(str(said).split())[:300]}. Top it "
            "up, then the same command goes on from here"
        )


class LimitReachedError(Exception):
    """A rollout has used what one rollout may use."""


async def gather_or_stop(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order. If one stops the run, the others end as they can, and then it does."""
    results = await asyncio.gather(*works, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=_rank)
    return [result for result in results if not isinstance(result, BaseException)]


def _rank(error: BaseException) -> int:
    """What is said first: that the endpoint refuses, that the budget is spent, anything else."""
    match error:
        case EndpointRefusedError():
            return 0
        case BudgetSpentError():
            return 1
        case _:
            return 2
