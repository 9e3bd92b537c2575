"""Slots for concurrent calls of an endpoint, shared fairly between libraries.

A free slot goes to the library with the fewest calls in flight, by turns. A call holds its slot
while it is in flight, not while it waits to be sent again.

A call that takes much longer than others did is overdue. For each of these, a library that has no
call in flight may make one beyond the limit: so no library waits for one whose prompts hang. An
endpoint that is slow for all gets such calls only until its first answers.

An endpoint that declines calls as too many gets fewer at once, and slowly more again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from statistics import median

OVERDUE_SECONDS = 2.0
OVERDUE_FACTOR = 4  # times the median of recent answers, if that is longer
_RECENT = 32
_REGAINED = 0.1  # of a slot, with each answer


@dataclass(eq=False, slots=True)
class Turn:
    """A question on its way to the endpoint.

    Attributes:
        library: The library that it is about; empty if it is about none.
        began: When its call began, in seconds of the event loop's clock; None while none is in
            flight.
    """

    library: str = ""
    began: float | None = None


_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


@contextmanager
def taking(turn: Turn) -> Generator[None]:
    """Make the calls within on this turn."""
    token = _turn.set(turn)
    try:
        yield
    finally:
        _turn.reset(token)


class Slots:
    """Slots for the concurrent calls of one endpoint."""

    def __init__(self, limit: int, overdue: float = OVERDUE_SECONDS) -> None:
        """Create slots that are all free.

        Args:
            limit: Maximum concurrent calls, beside those in place of overdue ones.
            overdue: Seconds after which a call is overdue at the earliest.
        """
        self._limit = limit
        self._allowed = float(limit)
        self._overdue = overdue
        self._waiting: dict[Turn, asyncio.Future[None]] = {}
        self._calls: set[Turn] = set()
        self._seconds: deque[float] = deque(maxlen=_RECENT)
        self._numbers = count(1)
        self._last: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[Turn]:
        """Wait for a slot, and hold it."""
        turn = _turn.get() or Turn()
        loop = asyncio.get_running_loop()
        self._waiting[turn] = granted = loop.create_future()
        self._assign()
        try:
            await granted
            yield turn
        finally:
            self._waiting.pop(turn, None)
            self._calls.discard(turn)
            turn.began = None
            # not now: who learns from this call that the endpoint is down may still withdraw others
            loop.call_soon(self._assign)

    def answered(self, turn: Turn) -> None:
        """Note how long a call in flight took to be answered."""
        if turn.began is not None:
            self._seconds.append(asyncio.get_running_loop().time() - turn.began)
        self._allowed = min(self._limit, self._allowed + _REGAINED)

    def declined(self) -> None:
        """Note that a call in flight was one too many."""
        self._allowed = max(1.0, min(self._allowed, len(self._calls)) - 1)

    def _assign(self) -> None:
        """Give the slots that are free to those who wait."""
        while (turn := self._next()) is not None:
            turn.began = asyncio.get_running_loop().time()
            self._calls.add(turn)
            self._last[turn.library] = next(self._numbers)
            granted = self._waiting.pop(turn)
            if not granted.done():  # otherwise it is cancelled, and about to leave
                granted.set_result(None)
        self._wait_for_overdue()

    def _next(self) -> Turn | None:
        """Who may make a call now; None if nobody."""
        in_flight = Counter(call.library for call in self._calls)

        def rank(turn: Turn) -> tuple[int, int]:
            return in_flight[turn.library], self._last.get(turn.library, 0)

        first = min(self._waiting, key=rank, default=None)
        limit = int(self._allowed)
        if first is None or len(self._calls) < limit:
            return first
        lent = len(self._calls) - limit
        overdue = sum(left <= 0 for left in self._left())
        return first if not in_flight[first.library] and lent < overdue else None

    def _left(self) -> list[float]:
        """For each call in flight, the seconds until it is overdue."""
        usual = median(self._seconds) if self._seconds else 0.0
        patience = max(self._overdue, OVERDUE_FACTOR * usual)
        now = asyncio.get_running_loop().time()
        return [call.began + patience - now for call in self._calls if call.began is not None]

    def _wait_for_overdue(self) -> None:
        """Look again when the next call is overdue, if somebody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = [seconds for seconds in self._left() if seconds > 0] if self._waiting else []
        if left:
            self._timer = asyncio.get_running_loop().call_later(min(left), self._assign)
