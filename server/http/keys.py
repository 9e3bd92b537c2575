"""The keys of an authorization server, fetched when they are needed.

A token may name a key that is new, so an unknown one has them fetched again, but not more often
than every few seconds, whatever tokens are sent. While the server cannot be reached, the keys that
are known stay good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import httpx2
import jwt

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
FRESH_SECONDS = 900.0
FETCH_SECONDS = 5.0
MAX_BYTES = 2**20
_KINDS = {"RSA", "EC", "OKP"}  # no shared secrets


class Keys:
    """The keys of one issuer, by their ids."""

    def __init__(self, issuer: str, jwks_url: str | None) -> None:
        """Fetch nothing yet.

        Args:
            issuer: Its identifier, from which the address of the keys is found ...
            jwks_url: ... unless it is given.
        """
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched = -FRESH_SECONDS
        self._tried = -AGAIN_SECONDS
        self._turn = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of an id; the only one for a token that names none."""
        if key_id in self._keys and (self._is_fresh() or self._turn.locked()):
            return self._keys[key_id]
        async with self._turn:
            needed = key_id not in self._keys or not self._is_fresh()
            if needed and monotonic() - self._tried >= AGAIN_SECONDS:
                self._tried = monotonic()
                await self._fetch()
        return self._keys.get(key_id)

    def _is_fresh(self) -> bool:
        return monotonic() - self._fetched < FRESH_SECONDS

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                async with httpx2.AsyncClient(trust_env=False) as http:
                    url = self._jwks_url or await self._discovered(http)
                    self._keys = _usable(await _json(http, url))
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, jwt.PyJWTError) as e:
            logger.warning(
                "the keys of %s cannot be fetched: %s", self._issuer, e or type(e).__name__
            )
        else:
            self._fetched = monotonic()

    async def _discovered(self, http: httpx2.AsyncClient) -> str:
        for url in _metadata_urls(self._issuer):
            try:
                found = await _json(http, url)
            except (httpx2.HTTPStatusError, ValueError):
                continue
            if found.get("issuer") != self._issuer:
                raise ValueError(f"{url} describes another issuer")
            jwks_url = found.get("jwks_uri")
            if isinstance(jwks_url, str) and is_safe(jwks_url):
                return jwks_url
        raise ValueError("its metadata name no jwks_uri")


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is fetched from there."""
    parts = urlsplit(url)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return bool(parts.netloc) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))


def _metadata_urls(issuer: str) -> list[str]:
    """Where RFC 8414 and OpenID Connect have an issuer describe itself."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = urlunsplit((parts.scheme, parts.netloc, _OAUTH + path, "", ""))
    return [inserted, issuer.rstrip("/") + _OPENID]


_OAUTH = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"


async def _json(http: httpx2.AsyncClient, url: str) -> dict[str, object]:
    async with http.stream("GET", url) as response:
        response.raise_for_status()
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError(f"{url} answers with more than {MAX_BYTES} bytes")
    found: object = httpx2.Response(200, content=bytes(body)).json()
    if not isinstance(found, dict):
        raise ValueError(f"{url} answers with no JSON object")  # noqa: TRY004  # a value from outside
    return cast("dict[str, object]", found)


def _usable(jwks: Mapping[str, object]) -> Mapping[str | None, jwt.PyJWK]:
    given = jwks.get("keys")
    found: dict[str | None, jwt.PyJWK] = {}
    for item in cast("list[object]", given) if isinstance(given, list) else []:
        data = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        if data.get("kty") not in _KINDS or data.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(data)
        except jwt.PyJWTError:
            continue  # of a kind that is not known here
        found[key.key_id] = key
    if len(found) == 1:
        found[None] = next(iter(found.values()))
    return found
