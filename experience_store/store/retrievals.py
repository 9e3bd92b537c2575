"""What was served to whom, so that it can be tied to what it earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One `get_experiences` call: which ids of which version were served for which task."""

    id: str
    library: str
    version: int
    task: str
    served: tuple[str, ...]


class Retrievals(Protocol):
    """What was served to whom."""

    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        """Store retrievals, all or none."""
        ...

    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The library that each was of, by id; those that are not known are missing."""
        ...
