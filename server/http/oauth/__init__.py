"""Access tokens of an OAuth 2.1 authorization server, as JWTs (RFC 9068).

This server is a resource server: it makes no tokens and asks nobody about a single one. It takes
the authorization server's public keys (`keys`), found by its metadata (`discovery`), and reads
from a token that they signed who is calling and what they may do (`claims`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import jwt

from server.http.caller import Caller
from server.http.oauth.claims import Claims, caller_of
from server.http.oauth.discovery import published_keys
from server.http.oauth.keys import KeyRing, PublicKeys
from server.http.oauth.urls import check_oauth
from server.settings import OAuthSettings

if TYPE_CHECKING:
    from jwt.types import Options

logger = logging.getLogger(__name__)

# Asymmetric ones only: whoever knows a public key could sign with HS256, and anybody with none.
ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)
TYPES = frozenset({"jwt", "at+jwt"})
LEEWAY_SECONDS = 60  # by which clocks may differ
# In tokens that are nothing to a thief (DPoP, mutual TLS), unless they are taken without the proof.
BOUND = "cnf"
DOTS = 2  # between header, payload and signature
MAX_REASON = 200
_CHECKED: Options = {
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


@dataclass(frozen=True, slots=True)
class _Token:
    """A token that is good if it is signed."""

    text: str
    algorithm: str
    key_id: str | None


class OAuthVerifier:
    """Implements `Verifier` for the tokens of one authorization server."""

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float] = monotonic) -> None:
        """Know what to expect; nothing is fetched yet.

        Args:
            settings: Whose tokens, for which resource.
            clock: Seconds, for the age of keys.

        Raises:
            BadInputError: If the settings cannot be meant.
        """
        check_oauth(settings)
        self._settings = settings
        resource = settings.resource.rstrip("/")
        self._audience = (resource, f"{resource}/")
        self._keys = KeyRing(lambda: published_keys(settings), clock)

    async def caller(self, token: str) -> Caller | None:
        """Whom the token stands for; see `Verifier.caller`."""
        try:
            expected = self._expected(token)
            return expected and caller_of(await self._signed(expected), self._settings)
        except jwt.PyJWTError as error:
            logger.info("an access token is refused: %s", str(error)[:MAX_REASON])
            return None

    def _expected(self, token: str) -> _Token | None:
        """The token, if all but its signature is as it should be; None if it is no JWT.

        This comes first, so that only a token meant for this server makes it look for keys.

        Raises:
            PyJWTError: If something is wrong with it.
        """
        if token.count(".") != DOTS or not token.isascii():
            return None
        read = self._read(token, None)
        header = read["header"]
        kind, algorithm = header.get("typ", "JWT"), header.get("alg")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
            raise jwt.InvalidTokenError("its type is neither JWT nor at+jwt")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("its algorithm is not accepted")
        if BOUND in read["payload"]:
            raise jwt.InvalidTokenError("it is bound to a key, which is not checked here")
        return _Token(token, algorithm, header.get("kid"))

    async def _signed(self, token: _Token) -> Claims:
        """Its claims, vouched for by a key of the authorization server.

        A key that is not known may be new, so the keys are looked up anew before giving up.
        """
        keys = await self._keys.keys()
        try:
            return self._vouched(token, keys)
        except jwt.PyJWTError:
            newer = await self._keys.newer(keys)
            if newer is None:
                raise
            return self._vouched(token, newer)

    def _vouched(self, token: _Token, keys: PublicKeys) -> Claims:
        for key in keys.fitting(token.key_id, token.algorithm):
            try:
                return self._read(token.text, key)["payload"]
            except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
                continue
        raise jwt.InvalidSignatureError("no key of the authorization server has signed it")

    def _read(self, token: str, key: jwt.PyJWK | None) -> dict[str, Any]:
        """Header and payload, checked; the signature too with a key."""
        return jwt.decode_complete(
            token,
            key or "",
            algorithms=ALGORITHMS,
            options={**_CHECKED, "verify_signature": key is not None},
            issuer=self._settings.issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
        )
