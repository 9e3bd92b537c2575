"""What tells whose token it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from server.access import Access


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token stands for.

    Attributes:
        id: Tells callers apart, for limits and logs; no secret.
    """

    id: str
    access: Access


class Verifier(Protocol):
    """Knows tokens of one kind."""

    async def caller(self, token: str) -> Caller | None:
        """Whom the token stands for; None if it is unknown, expired, revoked or of another kind.

        Raises:
            VerifierUnavailableError: If it cannot be told now.
        """
        ...


class VerifierUnavailableError(Exception):
    """Whether the token is good cannot be told now; the same request may be fine in a while."""
