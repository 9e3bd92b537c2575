"""The intervals of a worker, and pauses that grow."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Intervals and timeouts of a worker, in seconds.

    Attributes:
        lease: How long an update stays leased without a heartbeat.
        heartbeat: Interval between heartbeats.
        poll: Interval between looks for work; after trouble it doubles up to `max_pause`.
        abandoned: A host's update that got no answer for this long is taken over.
        round: Pause before a failed request is asked again; it doubles with each round.
        probe: A group that waits this long for others makes the worker try the endpoint.
        patience: A person who waits for the first answer is told after this long if there is none
            to come.
        silence: Calls in flight without any answer for this long do so, too.
    """

    lease: float = 15.0
    heartbeat: float = 5.0
    poll: float = 2.0
    abandoned: float = 3_600.0
    max_pause: float = 300.0
    round: float = 5.0
    probe: float = 10.0
    patience: float = 3.0
    silence: float = 60.0


class Rest:
    """A pause that doubles each time."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds that are left of it."""
        return self._until - time.monotonic()

    def begin(self) -> float:
        """Begin the next one; returns its seconds."""
        seconds = min(self._next, self._longest)
        self._next = seconds * 2
        self._until = time.monotonic() + seconds
        return seconds

    def reset(self) -> None:
        """Begin with the first pause again."""
        self._next = self._first
