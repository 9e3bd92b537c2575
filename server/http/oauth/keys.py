"""The authorization server's public keys: kept, looked up anew, outliving its outages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import jwt

from server.http.caller import VerifierUnavailableError
from server.http.oauth.documents import DocumentError

logger = logging.getLogger(__name__)

FRESH_SECONDS = 600.0  # after which keys are looked up anew: one may have been withdrawn
PAUSE_SECONDS = 30.0  # between two look-ups, whatever tokens say
FIRST_PAUSE_SECONDS = 5.0  # as long as there are no keys at all
MAX_TRIED = 8  # keys for one token


class PublicKeys:
    """A JSON Web Key Set (RFC 7517), as it was at one time."""

    def __init__(self, document: Mapping[str, object]) -> None:
        keys = document.get("keys")
        entries = cast("list[object]", keys) if isinstance(keys, list) else []
        self._keys = [cast("dict[str, Any]", key) for key in entries if isinstance(key, dict)]
        self._made: dict[tuple[int, str], jwt.PyJWK | None] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def fitting(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        """The keys that may have signed a token.

        Args:
            key_id: As the token names it; a key or a token without one may fit any.
            algorithm: Of the token; the key must be of its kind.
        """
        made = (
            self._key(number, algorithm)
            for number, key in enumerate(self._keys)
            if key_id is None or key.get("kid") in (None, key_id)  # may be unhashable
        )
        return [key for key in made if key is not None][:MAX_TRIED]

    def _key(self, number: int, algorithm: str) -> jwt.PyJWK | None:
        place = (number, algorithm)
        if place not in self._made:
            self._made[place] = _key(self._keys[number], algorithm)
        return self._made[place]


class KeyRing:
    """The newest keys that could be had."""

    def __init__(
        self, load: Callable[[], Awaitable[PublicKeys]], clock: Callable[[], float]
    ) -> None:
        self._load = load
        self._clock = clock
        self._keys: PublicKeys | None = None
        self._loaded = self._tried = float("-inf")
        self._trouble = ""
        self._loading: asyncio.Task[None] | None = None

    async def keys(self) -> PublicKeys:
        """The keys; old ones are used while new ones are looked up.

        Raises:
            VerifierUnavailableError: If there never were any.
        """
        if self._keys is None:
            await _finished(self._look_up(FIRST_PAUSE_SECONDS))
        elif self._clock() - self._loaded >= FRESH_SECONDS:
            self._look_up(PAUSE_SECONDS)
        if self._keys is None:
            raise VerifierUnavailableError(self._trouble)
        return self._keys

    async def newer(self, known: PublicKeys) -> PublicKeys | None:
        """Keys that came after those, looked up unless that was done just before."""
        if self._keys is known:
            await _finished(self._look_up(PAUSE_SECONDS))
        return None if self._keys is known else self._keys

    def _look_up(self, pause: float) -> asyncio.Task[None] | None:
        """One look-up at a time, which all wait for and which none of them can cancel."""
        if self._loading is None and self._clock() - self._tried >= pause:
            self._tried = self._clock()
            self._loading = asyncio.create_task(self._renew())
        return self._loading

    async def _renew(self) -> None:
        try:
            self._keys = await self._load()
            self._loaded = self._clock()
        except DocumentError as error:
            self._trouble = f"the keys of the authorization server cannot be had: {error}"
            logger.warning(self._trouble)
        finally:
            self._loading = None


async def _finished(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.shield(task)


def _key(entry: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key for signatures of an algorithm; None if it is for something else."""
    use, meant_for = entry.get("use") or "sig", entry.get("alg") or algorithm
    meant = use == "sig" and meant_for == algorithm
    try:
        return jwt.PyJWK(entry, algorithm) if meant else None
    except jwt.PyJWTError:
        return None
