"""What stops a run, and how concurrent work ends then.

The same command resumes the run, once the cause is fixed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from experience_store.errors import BadInputError, ExperienceError

T = TypeVar("T")


class RunStoppedError(ExperienceError):
    """The run cannot continue now."""


class OtherRunError(BadInputError):
    """The folder holds a run that was started with other settings."""


class EndpointRefusedError(BadInputError):
    """The endpoint refuses every call, as it is configured."""


class BudgetSpentError(ExperienceError):
    """The budget of the run is spent."""


class QuotaSpentError(BudgetSpentError):
    """The endpoint's quota or credit is spent."""

    def __init__(self, whose: str, said: object) -> None:
        super().__init__(
            f"the quota or credit of {whose} is spent: {' '.join(str(said).split())[:300]}. Top it "
            "up, then run the same command to continue"
        )


class LimitReachedError(Exception):
    """A rollout has reached one of its limits."""


async def gather_or_stop(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order. If one raises, the others finish first, and then it is raised."""
    results = await asyncio.gather(*works, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=_rank)
    return [result for result in results if not isinstance(result, BaseException)]


def _rank(error: BaseException) -> int:
    """Which error is raised: a refusing endpoint first, then a spent budget, then any other."""
    match error:
        case EndpointRefusedError():
            return 0
        case BudgetSpentError():
            return 1
        case _:
            return 2
