"""Find the authorization server's keys: RFC 8414, then OpenID Connect Discovery."""

from __future__ import annotations

import asyncio

from mcp.client.auth.utils import build_oauth_authorization_server_metadata_discovery_urls

from server.http.oauth.documents import DocumentError, fetch
from server.http.oauth.keys import PublicKeys
from server.settings import OAuthSettings

LOOK_UP_SECONDS = 10.0


async def published_keys(settings: OAuthSettings) -> PublicKeys:
    """The keys that the authorization server publishes now.

    Raises:
        DocumentError: If there are none to be had.
    """
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            url = settings.jwks_url or await _keys_url(settings.issuer)
            keys = PublicKeys(await fetch(url))
    except TimeoutError as error:
        raise DocumentError(f"no answer within {LOOK_UP_SECONDS:.0f} seconds") from error
    if not keys:
        raise DocumentError(f"{url} holds no key")
    return keys


async def _keys_url(issuer: str) -> str:
    reasons: list[str] = []
    for url in build_oauth_authorization_server_metadata_discovery_urls(issuer, issuer):
        try:
            document = await fetch(url)
        except DocumentError as error:
            reasons.append(str(error))
            continue
        keys_url = document.get("jwks_uri")
        if document.get("issuer") != issuer:
            # As an exact string (RFC 8414, 3.3), or one server could speak for another.
            reasons.append(f"{url} is of the issuer {document.get('issuer')!r}, not {issuer!r}")
        elif isinstance(keys_url, str):
            return keys_url
        else:
            reasons.append(f"{url} has no jwks_uri")
    raise DocumentError("; ".join(reasons))
