"""What a refused request is told in `WWW-Authenticate` (RFC 6750, 3; RFC 9728, 5.1).

From it a client learns where to get a token, and of which scope.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from server.access import Scope

# What the core tools need. Whoever administers asks for that when it is missing.
USUAL = (Scope.READ, Scope.SUBMIT, Scope.LEARN)


@dataclass(frozen=True, slots=True)
class Challenge:
    """How this server challenges.

    Attributes:
        metadata_url: Of its Protected Resource Metadata; None without OAuth.
        scope_prefix: Before each of its scopes, in tokens of the authorization server.
    """

    metadata_url: str | None = None
    scope_prefix: str = ""

    def unauthorized(self, *, token_sent: bool) -> str:
        """Beside 401: sign in.

        Args:
            token_sent: Whether there was a token, which is not good then. A client that sent none
                has made no error.
        """
        error = (
            {
                "error": "invalid_token",
                "error_description": "unknown, expired, revoked or not for this server",
            }
            if token_sent
            else {}
        )
        return self._value(error, USUAL)

    def forbidden(self, needed: Iterable[Scope]) -> str:
        """Beside 403: this needs more than the token allows.

        Args:
            needed: All scopes that the request needs.
        """
        error = {
            "error": "insufficient_scope",
            "error_description": "the token does not allow this",
        }
        return self._value(error, needed)

    def scopes(self, scopes: Iterable[Scope]) -> list[str]:
        """Their names in tokens, in their usual order."""
        wanted = frozenset(scopes)
        return [f"{self.scope_prefix}{scope}" for scope in Scope if scope in wanted]

    def _value(self, error: dict[str, str], scopes: Iterable[Scope]) -> str:
        fields = dict(error)
        if self.metadata_url is not None:
            fields |= {
                "scope": " ".join(self.scopes(scopes)),
                "resource_metadata": self.metadata_url,
            }
        pairs = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return f"Bearer {pairs}".rstrip()
