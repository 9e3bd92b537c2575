"""The authorization server's public keys (JWKS, RFC 7517): found, fetched and cached.

They are found by its metadata: RFC 8414, then OpenID Connect Discovery. The cache outlives its
outages.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, cast

import httpx2
import jwt
from mcp.client.auth.utils import build_oauth_authorization_server_metadata_discovery_urls

from server.http.address import is_secure_url
from server.http.auth.callers import AuthenticationUnavailableError
from server.settings import OAuthSettings

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 600.0  # maximum age of keys: one may have been withdrawn
RETRY_SECONDS = 30.0  # between two fetches, whatever keys tokens name
FIRST_RETRY_SECONDS = 5.0  # as long as there are no keys at all
FETCH_SECONDS = 10.0
MAX_CANDIDATES = 8  # keys tried for one token
MAX_BYTES = 262_144  # key sets have a few thousand
# Compressed, a small response could be a large one; it is read as it comes.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


class FetchError(Exception):
    """A document of the authorization server is unavailable or invalid."""


class KeySet:
    """A JSON Web Key Set, as it was at one time."""

    def __init__(self, document: Mapping[str, object]) -> None:
        keys = document.get("keys")
        entries = cast("list[object]", keys) if isinstance(keys, list) else []
        self._entries = [cast("dict[str, Any]", key) for key in entries if isinstance(key, dict)]
        self._keys: dict[tuple[int, str], jwt.PyJWK | None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def candidates(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        """The keys that may have signed a token.

        Args:
            key_id: `kid` of the token; a key or a token without one matches any.
            algorithm: Algorithm of the token; the key must be for it.
        """
        keys = (
            self._key(number, algorithm)
            for number, entry in enumerate(self._entries)
            if key_id is None or entry.get("kid") in (None, key_id)  # may be unhashable
        )
        return [key for key in keys if key is not None][:MAX_CANDIDATES]

    def _key(self, number: int, algorithm: str) -> jwt.PyJWK | None:
        place = (number, algorithm)
        if place not in self._keys:
            self._keys[place] = _signing_key(self._entries[number], algorithm)
        return self._keys[place]


def _signing_key(entry: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key for signatures of an algorithm; None if it is for something else, or broken."""
    use, meant_for = entry.get("use") or "sig", entry.get("alg") or algorithm
    if use != "sig" or meant_for != algorithm:
        return None
    try:
        return jwt.PyJWK(entry, algorithm)
    except jwt.PyJWTError:
        return None


class KeySetCache:
    """Caches the newest key set that could be fetched."""

    def __init__(self, fetch: Callable[[], Awaitable[KeySet]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._problem = ""
        self._fetching: asyncio.Task[None] | None = None

    async def current(self) -> KeySet:
        """The keys; old ones serve while new ones are fetched.

        Raises:
            AuthenticationUnavailableError: If there never were any.
        """
        if self._keys is None:
            await _finished(self._refresh(FIRST_RETRY_SECONDS))
        elif self._clock() - self._fetched_at >= REFRESH_SECONDS:
            self._refresh(RETRY_SECONDS)
        if self._keys is None:
            raise AuthenticationUnavailableError(self._problem)
        return self._keys

    async def newer_than(self, known: KeySet) -> KeySet | None:
        """Newer keys than those, fetched unless that was tried just before."""
        if self._keys is known:
            await _finished(self._refresh(RETRY_SECONDS))
        return None if self._keys is known else self._keys

    def _refresh(self, pause: float) -> asyncio.Task[None] | None:
        """One fetch at a time, shared by all who wait; none of them can cancel it."""
        if self._fetching is None and self._clock() - self._tried_at >= pause:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch_once())
        return self._fetching

    async def _fetch_once(self) -> None:
        try:
            self._keys = await self._fetch()
            self._fetched_at = self._clock()
        except FetchError as error:
            self._problem = f"cannot fetch the keys of the authorization server: {error}"
            logger.warning(self._problem)
        finally:
            self._fetching = None


async def _finished(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.shield(task)


async def fetch_key_set(settings: OAuthSettings, timeout: float) -> KeySet:  # noqa: ASYNC109  # the caller's to choose
    """The keys that the authorization server publishes now.

    Raises:
        FetchError: If they are unavailable.
    """
    try:
        async with asyncio.timeout(timeout):
            url = settings.jwks_url or await _discovered_url(settings.issuer)
            keys = KeySet(await _fetch_json(url))
    except TimeoutError as error:
        raise FetchError(f"no answer within {timeout:.0f} seconds") from error
    if not keys:
        raise FetchError(f"{url} has no keys")
    return keys


async def _discovered_url(issuer: str) -> str:
    problems: list[str] = []
    for url in build_oauth_authorization_server_metadata_discovery_urls(issuer, issuer):
        try:
            metadata = await _fetch_json(url)
        except FetchError as error:
            problems.append(str(error))
            continue
        keys_url = metadata.get("jwks_uri")
        if metadata.get("issuer") != issuer:
            # As an exact string (RFC 8414, 3.3), or one server could speak for another.
            problems.append(f"{url} is of the issuer {metadata.get('issuer')!r}, not {issuer!r}")
        elif isinstance(keys_url, str):
            return keys_url
        else:
            problems.append(f"{url} has no jwks_uri")
    raise FetchError("; ".join(problems))


async def _fetch_json(url: str) -> Mapping[str, object]:
    """The JSON object at a URL. Redirects are not followed."""
    if not is_secure_url(url):
        raise FetchError(f"{url!r} is not an https URL")
    try:
        body = await _body(url)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FetchError(f"{url} cannot be fetched: {error or type(error).__name__}") from error
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url} is not JSON") from error
    if not isinstance(document, dict):
        raise FetchError(f"{url} is not a JSON object")
    return cast("Mapping[str, object]", document)


async def _body(url: str) -> bytes:
    body = bytearray()
    context = await asyncio.to_thread(_tls_context)
    async with (
        httpx2.AsyncClient(verify=context, timeout=None, follow_redirects=False) as client,
        client.stream("GET", url, headers=_HEADERS) as response,
    ):
        if response.status_code != HTTPStatus.OK:
            raise FetchError(f"{url} answered {response.status_code} instead of 200")
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BYTES:
                raise FetchError(f"{url} is larger than {MAX_BYTES} bytes")
    return bytes(body)


@cache
def _tls_context() -> ssl.SSLContext:
    """Loading the trusted certificates takes a while."""
    return httpx2.create_ssl_context()
