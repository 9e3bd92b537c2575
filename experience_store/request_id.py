"""Ids of the requests of one update: `summarise-2-3`, `compare-2`, `consolidate-1-2`.

An id says what a request is about, so that it alone links answers, stored operations and groups.
All numbers count from 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

UpdateStep: TypeAlias = Literal["summarise", "compare", "consolidate"]

_NUMBER = r"[1-9][0-9]{0,8}"
_FORM = re.compile(rf"(summarise|consolidate)-({_NUMBER})-({_NUMBER})|(compare)-({_NUMBER})")


@dataclass(frozen=True, slots=True)
class RequestId:
    """The id of one request.

    Attributes:
        step: The step of the update.
        numbers: Group and attempt (summarise), group (compare), or round and batch (consolidate).
    """

    step: UpdateStep
    numbers: tuple[int, ...]

    @classmethod
    def summarise(cls, group: int, attempt: int) -> RequestId:
        """The summary of one attempt of a group."""
        return cls("summarise", (group, attempt))

    @classmethod
    def compare(cls, group: int) -> RequestId:
        """The comparison of one group's attempts."""
        return cls("compare", (group,))

    @classmethod
    def consolidate(cls, round_: int, batch: int) -> RequestId:
        """The consolidation of one batch of proposals; a rebase starts a new round."""
        return cls("consolidate", (round_, batch))

    @classmethod
    def parse(cls, text: str) -> RequestId | None:
        """Parse an id; None if it is invalid."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        step, *numbers = (part for part in match.groups() if part is not None)
        return cls(cast("UpdateStep", step), tuple(map(int, numbers)))

    @property
    def group(self) -> int | None:
        """The number of the group it is about; None for a consolidation."""
        return None if self.step == "consolidate" else self.numbers[0]

    def __str__(self) -> str:
        """The id as stored and sent."""
        return "-".join([self.step, *map(str, self.numbers)])


def compared_group(request: str) -> int | None:
    """The number of the group that a request compares; None if it is not a comparison."""
    id_ = RequestId.parse(request)
    return id_.group if id_ is not None and id_.step == "compare" else None


def is_summary(request: str) -> bool:
    """Whether a request asks for the summary of an attempt."""
    id_ = RequestId.parse(request)
    return id_ is not None and id_.step == "summarise"
