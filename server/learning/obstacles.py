"""What is in the way of a worker, and the pauses that it calls for.

An endpoint that is down and a database that cannot be used concern every library: the worker
pauses, longer each time. A failed request or an unforeseen error concerns one library, which rests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime

from experience_store.errors import StorageError
from experience_store.store import Trouble
from server.learning.endpoint_health import EndpointHealth
from server.learning.times import Rest, WorkerTimes

logger = logging.getLogger(__name__)

LOOKING = ""  # in place of a library: an error while looking for work


@dataclass(frozen=True, slots=True)
class _Error:
    since: datetime
    error: Exception
    library: str

    def trouble(self) -> Trouble:
        whole = isinstance(self.error, StorageError) or self.library == LOOKING
        where = "" if whole else f"in library {self.library!r}: "
        return Trouble(self.since, f"{where}{self.error}")


class Obstacles:
    """What is in the way of a worker; `wake` is set when there is something new."""

    def __init__(self, health: EndpointHealth, times: WorkerTimes, wake: asyncio.Event) -> None:
        self._health = health
        self._times = times
        self._wake = wake
        self._errors: dict[str, _Error] = {}
        self._rests: dict[str, Rest] = {}
        self._pause = Rest(times.poll, times.max_pause)

    @property
    def trouble(self) -> Trouble | None:
        """What holds up learning; None if nothing does."""
        troubles = (error.trouble() for error in self._errors.values())
        return self._health.down or next(troubles, None)

    @property
    def unusable(self) -> StorageError | None:
        """The error, if it is the database that holds up learning."""
        errors = (e.error for e in self._errors.values())
        return next((e for e in errors if isinstance(e, StorageError)), None)

    @property
    def pauses(self) -> bool:
        """Whether the worker should do nothing now."""
        return self._stands_still() and self._pause.left > 0

    def begin_pause(self) -> None:
        """If learning stands still, leave what is in the way alone, longer each time."""
        if self._stands_still() and not self.pauses:
            pause = self._pause.begin()
            reason = self.trouble.reason if self.trouble else ""
            logger.warning("learning pauses for %.0f s: %s", pause, reason)
            self._wake.set()

    def until_next_look(self) -> float:
        """Seconds until the worker should look for work again."""
        if self.pauses:
            return self._pause.left
        rests = [rest.left for rest in self._rests.values() if rest.left > 0]
        return min([self._times.poll, *rests])

    def note(self, library: str, error: Exception) -> None:
        """Note an error in a library, or in looking for work."""
        known = self._errors.get(library)
        since = known.since if known else datetime.now(UTC)
        self._errors[library] = _Error(since, error, library)

    def forget(self, library: str) -> None:
        """Forget the error of a library."""
        self._errors.pop(library, None)

    def forget_all_but(self, libraries: AbstractSet[str]) -> None:
        """Forget the errors of other libraries, in which nothing is to do any more."""
        for library in self._errors.keys() - libraries:
            del self._errors[library]

    def begin_rest(self, library: str) -> None:
        """Leave a library alone for a while, longer each time."""
        first = Rest(self._times.round, self._times.max_pause)
        self._rests.setdefault(library, first).begin()
        self._wake.set()

    def rests(self, library: str) -> bool:
        """Whether a library is to be left alone now."""
        return library in self._rests and self._rests[library].left > 0

    def succeeded(self, library: str) -> None:
        """An update of a library was closed: the next pauses are short again."""
        self._rests.pop(library, None)
        self._pause.reset()
        self._wake.set()

    def _stands_still(self) -> bool:
        """Whether what is in the way concerns every library."""
        return bool(self._health.down or self.unusable or LOOKING in self._errors)
