"""Callers with access tokens of an OAuth 2.1 authorization server.

This server is a resource server: it issues no tokens, and asks nobody about a single one. An SDK
`TokenVerifier` decides whether a token is valid and what it says (`jwt_verifier`); here that is
read in this server's terms. The SDK's own middleware around a verifier is not used: its 401 is not
the JSON-RPC error that clients pass on, it knows no 503, and it reads one kind of token only.
"""

from __future__ import annotations

import hashlib
import json
from typing import cast

from mcp.server.auth.provider import AccessToken, TokenVerifier, principal_components
from typing_extensions import override

from server.access import Access, Scope
from server.http.auth.callers import Authenticator, Caller
from server.settings import OAuthSettings

ALL_LIBRARIES = "*"
MAX_NAME = 100


class OAuthAuthenticator(Authenticator):
    """Knows the access tokens of one authorization server."""

    def __init__(self, settings: OAuthSettings, verifier: TokenVerifier) -> None:
        """Read tokens.

        Args:
            settings: Where a token names scopes and libraries.
            verifier: Puts the claim with the libraries into `AccessToken.claims`.
        """
        self._settings = settings
        self._verifier = verifier

    @override
    async def authenticate(self, token: str) -> Caller | None:
        verified = await self._verifier.verify_token(token)
        if verified is None:
            return None
        access = Access(_name(verified), self._scopes(verified), self._libraries(verified))
        return Caller(_key(verified), access, can_request_scopes=True)

    def _scopes(self, token: AccessToken) -> frozenset[Scope]:
        """This server's scopes; others are for other servers."""
        prefix = self._settings.scope_prefix
        return frozenset(scope for scope in Scope if f"{prefix}{scope}" in token.scopes)

    def _libraries(self, token: AccessToken) -> frozenset[str] | None:
        """The libraries that the claim names; a malformed claim reaches none."""
        claims, name = token.claims or {}, self._settings.libraries_claim
        if name not in claims:
            return None if self._settings.all_libraries else frozenset()
        names = words_of(claims[name])
        return None if ALL_LIBRARIES in names else names


def words_of(claim: object) -> frozenset[str]:
    """The words of a claim: of a text, or of a list of texts."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    entries = cast("list[object]", claim) if isinstance(claim, list) else []
    return frozenset(entry for entry in entries if isinstance(entry, str))


def _key(token: AccessToken) -> str:
    client, issuer, subject = principal_components(token)
    principal = json.dumps([issuer, subject, client])
    return f"oauth-{hashlib.sha256(principal.encode()).hexdigest()[:32]}"


def _name(token: AccessToken) -> str:
    """User and program on one line, or the one that is known."""
    subject, client = token.subject, token.client_id
    if not subject or not client or subject == client:
        return _line(subject or client, MAX_NAME)
    half = MAX_NAME // 2
    return f"{_line(subject, half - 1)} ({_line(client, half - 2)})"


def _line(text: str, most: int) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "?"
    return line if len(line) <= most else f"{line[: most - 1]}…"
