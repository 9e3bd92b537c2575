"""How often somebody may call: a bucket for each, which fills as time goes by.

Counted by each process for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

MAX_KEYS = 10_000
MINUTE = 60.0


class Rates:
    """A bucket for each key; the least recently used are forgotten."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        """Let so many calls a minute pass; as many may come at once.

        Args:
            per_minute: 0 for any number.
            clock: Tells the time in seconds.
        """
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take one from the key's bucket; seconds until there is one if it is empty, else 0."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        held, since = self._buckets.pop(key, (float(self._per_minute), now))
        held = min(self._per_minute, held + (now - since) * self._per_minute / MINUTE)
        taken = held >= 1.0
        self._buckets[key] = (held - taken, now)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - held) * MINUTE / self._per_minute
