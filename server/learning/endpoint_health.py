"""Whether the endpoint of a model is down, or only one request fails.

A failed call is no proof that the endpoint is down: one prompt may trip a moderation filter, a bug
of the server or a timeout. So a tiny question (a probe) decides. If it fails as well, the endpoint
is down, and nothing is held against the request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from experience_store.safety.redaction import redact
from experience_store.store import Trouble
from server.learning.models import (
    Model,
    ModelQuotaError,
    ModelRefusedError,
    ModelUnavailableError,
)
from server.settings import ModelSettings

MAX_REASON = 500  # characters
MIN_KEY = 8  # characters; what is shorter is a placeholder, and may be a word of a message


class EndpointHealth:
    """What calls and probes tell about an endpoint.

    Attributes:
        down: Since when it is down, and why; None if it is not known to be.
        known: Whether it has been asked anything yet.
    """

    def __init__(self, model: Model, settings: ModelSettings) -> None:
        self._model = model
        key = settings.api_key
        self._key = key if len(key) >= MIN_KEY else ""
        self._url = settings.public_url
        self._turn = asyncio.Lock()
        self._answered = self._probed = float("-inf")
        self._verdict: ModelUnavailableError | None = None
        self.down: Trouble | None = None
        self.known = False
        self._spent = self._doubted = False
        self._calls = 0
        self._heard = 0.0

    @contextmanager
    def calling(self) -> Generator[None]:
        """Around a call to the endpoint."""
        if not self._calls:
            self._heard = time.monotonic()
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    @property
    def silence(self) -> float:
        """Seconds that calls have been in flight without an answer to any."""
        return time.monotonic() - self._heard if self._calls else 0.0

    def answered(self) -> None:
        """A request was answered: the endpoint is up."""
        self._answered = self._heard = time.monotonic()
        self._doubted |= self._spent
        self._spent = False
        self.down, self.known = None, True

    async def verdict(self, error: ModelUnavailableError) -> ModelUnavailableError | None:
        """After a failed call: the error to report if the endpoint is down; None if it is up.

        Spent quota needs no probe. But if another request was answered after it was last reported,
        it may be about one prompt, which is too dear: then it takes a second report.
        """
        if not isinstance(error, ModelQuotaError):
            return await self.check()
        if self._doubted:
            self._doubted = False
            return None
        return self._is_down(error)

    async def check(self) -> ModelUnavailableError | None:
        """Probe the endpoint: the error if it is down. Calls that fail together share a probe."""
        now = time.monotonic()
        async with self._turn:
            if self._probed < now:
                self._verdict = await self._probe(now)
                self._probed = time.monotonic()
            return self._verdict

    async def _probe(self, since: float) -> ModelUnavailableError | None:
        try:
            await self._model.probe()
        except ModelRefusedError:
            pass  # it answers, if only to say no
        except ModelUnavailableError as error:
            if self._answered < since:
                return self._is_down(error)
        self.known = True
        self._heard = time.monotonic()
        if not self._spent:  # a tiny question may still be paid for
            self.down = None
        return None

    def _is_down(self, error: ModelUnavailableError) -> ModelUnavailableError:
        reason = self.explain(error)
        where = f" ({self._url})" if self._url and self._url not in reason else ""
        reason = f"{reason.rstrip('.')}{where}"
        since = self.down.since if self.down else datetime.now(UTC)
        self.down, self.known = Trouble(since, reason), True
        self._spent = isinstance(error, ModelQuotaError)
        return type(error)(reason)

    def explain(self, error: Exception) -> str:
        """The error in a line for people, without secrets: endpoints may repeat the API key."""
        said = str(error).replace(self._key, "[API key]") if self._key else str(error)
        line = " ".join(redact(said)[0].split())
        return line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 1]}…"
