"""Work that came to nothing: what an outage undid, or an endpoint refused."""

from __future__ import annotations

from dataclasses import dataclass

from server.practice.records import Rollout, Score


@dataclass(frozen=True, slots=True)
class Undone:
    """A piece of work that is not to be kept as it is, at least not yet.

    Attributes:
        key: Where the journal would keep it.
        record: What became of it.
        lost: Where the journal keeps what it spent, if it spent anything.
    """

    key: str
    record: Rollout | Score
    lost: str | None
