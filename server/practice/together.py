"""Work that is done side by side, and ends in order when a part of it stops the run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from server.practice.errors import EndpointRefusedError
from server.practice.spending import BudgetSpentError

T = TypeVar("T")


async def all_of(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
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
