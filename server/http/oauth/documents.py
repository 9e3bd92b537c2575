"""Read a JSON document of the authorization server, within bounds."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import cast

import httpx2

from server.http.oauth.urls import is_safe

MAX_BYTES = 262_144  # key sets have a few thousand
# Unpacked, a small answer could be a large one; it is read as it comes.
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


class DocumentError(Exception):
    """A document cannot be had, or is not what it should be."""


async def fetch(url: str) -> Mapping[str, object]:
    """The JSON object at a URL. Redirects are not followed, and the time is the caller's to bound.

    Raises:
        DocumentError: With the URL and what is wrong.
    """
    if not is_safe(url):
        raise DocumentError(f"{url!r} is no https URL")
    try:
        body = await _body(url)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise DocumentError(f"{url} cannot be read: {error or type(error).__name__}") from error
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{url} is not JSON") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{url} is not a JSON object")
    return cast("Mapping[str, object]", document)


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are trusted; reading them takes a while."""
    return httpx2.create_ssl_context()


async def _body(url: str) -> bytes:
    body = bytearray()
    trusted = await asyncio.to_thread(_trusted)
    async with (
        httpx2.AsyncClient(verify=trusted, timeout=None, follow_redirects=False) as client,
        client.stream("GET", url, headers=_HEADERS) as response,
    ):
        if response.status_code != HTTPStatus.OK:
            raise DocumentError(f"{url} answered with {response.status_code}, not with 200")
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BYTES:
                raise DocumentError(f"{url} is larger than {MAX_BYTES} bytes")
    return bytes(body)
