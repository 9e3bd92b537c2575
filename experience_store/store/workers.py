"""Workers that cannot learn now, as every process on the database sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

HIDDEN = "the server's log says why"  # for callers who may not know the reason
FRESH_SECONDS = 900.0  # a worker in trouble says so more often, unless it was killed


@dataclass(frozen=True, slots=True)
class Trouble:
    """What holds up learning.

    Attributes:
        since: Since when.
        reason: Why, for people; without secrets.
    """

    since: datetime
    reason: str


class Workers(Protocol):
    """The troubles of background workers."""

    async def report(self, owner: str, trouble: Trouble) -> None:
        """Record that a worker is in trouble; to be repeated within `FRESH_SECONDS`."""
        ...

    async def recovered(self, owner: str) -> None:
        """Record that a worker is not in trouble any more."""
        ...

    async def troubles(self) -> tuple[Trouble, ...]:
        """The troubles of all workers, oldest first."""
        ...
