"""Callers with access tokens of an OAuth 2.1 authorization server: signed JWTs (RFC 9068).

This server is a resource server: it issues no tokens, and never asks the issuer about single ones.
`JwtVerifier` decides whether a token is valid and what it says; `OAuthAuthenticator` reads that in
this server's terms. The SDK's own middleware around a `TokenVerifier` is not used: its 401 is not
the JSON-RPC error that clients show, it has no 503, and it reads one kind of token only.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier, principal_components
from typing_extensions import override

from experience_store.submissions.clean_text import clean
from server.access import Access, Scope
from server.http.address import check_oauth
from server.http.auth.callers import Authenticator, Caller
from server.http.auth.jwks import FETCH_SECONDS, KeySet, KeySetCache, fetch_key_set
from server.settings import OAuthSettings
from server.text import clipped

if TYPE_CHECKING:
    from jwt.types import Options


logger = logging.getLogger(__name__)

Claims: TypeAlias = Mapping[str, Any]

# Asymmetric only: anybody who knows a public key could sign with HS256, and anybody at all with
# none.
ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)
TYPES = frozenset({"jwt", "at+jwt"})
LEEWAY_SECONDS = 60  # by which clocks may differ
# Marks tokens that are useless to a thief (DPoP, mutual TLS), if one checks the proof.
CONFIRMATION = "cnf"
DOTS = 2  # between header, payload and signature
MAX_REASON = 200
_CLIENT_CLAIMS = ("client_id", "azp")
_SCOPE_CLAIMS = ("scope", "scp")
_CHECKS: Options = {
    "require": ["exp", "iss", "aud"],
    "verify_exp": True,
    "verify_nbf": True,
    "verify_iat": True,
    "verify_iss": True,
    "verify_aud": True,
    "verify_sub": True,
    "verify_jti": True,
    "enforce_minimum_key_length": True,
}
ALL_LIBRARIES = "*"
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class _Unverified:
    """A token that is valid if its signature is."""

    token: str
    algorithm: str
    key_id: str | None


class JwtVerifier(TokenVerifier):
    """Verifies the tokens of one authorization server."""

    def __init__(
        self,
        settings: OAuthSettings,
        *,
        clock: Callable[[], float] = monotonic,
        fetch_timeout: float = FETCH_SECONDS,
    ) -> None:
        """Prepare; nothing is fetched yet.

        Args:
            settings: The authorization server, and the resource that tokens must be for.
            clock: The time in seconds, for the age of keys.
            fetch_timeout: Seconds within which the keys must be fetched.

        Raises:
            BadInputError: If the settings are unsafe or cannot match any token.
        """
        check_oauth(settings)
        self._settings = settings
        self._resource = settings.resource.rstrip("/")
        self._keys = KeySetCache(partial(fetch_key_set, settings, fetch_timeout), clock)

    @override
    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            unverified = self._unverified(token)
            return unverified and self._access_token(token, await self._claims(unverified))
        except jwt.PyJWTError as error:
            logger.info("access token refused: %s", str(error)[:MAX_REASON])
            return None

    def _unverified(self, token: str) -> _Unverified | None:
        """The token, if all but its signature is right; None if it is not a JWT.

        This comes first, so that only a token meant for this server makes it fetch keys.

        Raises:
            PyJWTError: If something is wrong with it.
        """
        if token.count(".") != DOTS or not token.isascii():
            return None
        decoded = self._decode(token, None)
        header = decoded["header"]
        kind, algorithm = header.get("typ", "JWT"), header.get("alg")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
            raise jwt.InvalidTokenError("its type is neither JWT nor at+jwt")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("its algorithm is not accepted")
        if CONFIRMATION in decoded["payload"]:
            raise jwt.InvalidTokenError("it is bound to a key, which is not checked here")
        return _Unverified(token, algorithm, header.get("kid"))

    async def _claims(self, unverified: _Unverified) -> Claims:
        """Its claims, signed by a key of the authorization server.

        An unknown key may be new, so the keys are fetched again before giving up.
        """
        keys = await self._keys.current()
        try:
            return self._signed_by(keys, unverified)
        except jwt.PyJWTError:
            newer = await self._keys.newer_than(keys)
            if newer is None:
                raise
            return self._signed_by(newer, unverified)

    def _signed_by(self, keys: KeySet, unverified: _Unverified) -> Claims:
        for key in keys.candidates(unverified.key_id, unverified.algorithm):
            try:
                return self._decode(unverified.token, key)["payload"]
            except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
                continue
        raise jwt.InvalidSignatureError("no key of the authorization server has signed it")

    def _decode(self, token: str, key: jwt.PyJWK | None) -> dict[str, Any]:
        """Header and payload, checked; the signature too if a key is given."""
        return jwt.decode_complete(
            token,
            key or "",
            algorithms=ALGORITHMS,
            options={**_CHECKS, "verify_signature": key is not None},
            issuer=self._settings.issuer,
            audience=(self._resource, f"{self._resource}/"),
            leeway=LEEWAY_SECONDS,
        )

    def _access_token(self, token: str, claims: Claims) -> AccessToken:
        """What the rest of the server needs of a verified token.

        Raises:
            PyJWTError: If it names neither a user nor a client.
        """
        subject = _text(claims.get("sub"))
        client = next((text for name in _CLIENT_CLAIMS if (text := _text(claims.get(name)))), None)
        if subject is None and client is None:
            raise jwt.MissingRequiredClaimError("sub")
        scopes = next((claims[name] for name in _SCOPE_CLAIMS if name in claims), None)
        kept = ("iss", self._settings.libraries_claim)
        return AccessToken(
            token=token,
            client_id=client or "",
            subject=subject,
            scopes=[clean(word) for word in words_of(scopes)],
            expires_at=int(claims["exp"]),
            resource=self._resource,
            claims={name: claims[name] for name in kept if name in claims},
        )


def _text(claim: object) -> str | None:
    return clean(claim) if isinstance(claim, str) and claim else None


class OAuthAuthenticator(Authenticator):
    """Authenticates the access tokens of one authorization server."""

    def __init__(self, settings: OAuthSettings, verifier: TokenVerifier) -> None:
        """Read tokens.

        Args:
            settings: Where a token lists scopes and libraries.
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
    """The words of a claim that is a text or a list of texts."""
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
        return clipped(subject or client, MAX_NAME) or "?"
    half = MAX_NAME // 2
    user, program = clipped(subject, half - 1) or "?", clipped(client, half - 2) or "?"
    return f"{user} ({program})"
