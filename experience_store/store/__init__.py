"""The storage protocols that a backend implements, and their records.

A store is seven narrow protocols side by side, each with its records: `libraries`, `groups`,
`updates` and `workers` in modules of their own, retrievals, archives and tokens here. Every method
that changes something does so in one transaction: when it returns, all of it is durable; when it
raises, none of it happened.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from experience_store.store.groups import (
    MAX_FAILURES,
    GroupCounts,
    GroupInfo,
    Groups,
    Receipt,
    Submission,
)
from experience_store.store.libraries import (
    AttemptTrace,
    GroupTrace,
    Libraries,
    LibraryStamp,
    Origin,
    Provenance,
)
from experience_store.store.updates import (
    HOST_LEARNER,
    MAX_ROUNDS,
    AskedRequest,
    Decision,
    GivenAnswer,
    Publication,
    Review,
    UpdateGroup,
    UpdateInfo,
    UpdateRecord,
    Updates,
    UpdateStatus,
    Usage,
)
from experience_store.store.workers import Trouble, Workers

if TYPE_CHECKING:  # pydantic models are slow to import
    from experience_store.archive.format import Archive
    from experience_store.library import Library

__all__ = [
    "HOST_LEARNER",
    "MAX_FAILURES",
    "MAX_ROUNDS",
    "Archives",
    "AskedRequest",
    "AttemptTrace",
    "Decision",
    "GivenAnswer",
    "GroupCounts",
    "GroupInfo",
    "GroupTrace",
    "Groups",
    "Libraries",
    "LibraryStamp",
    "Origin",
    "Provenance",
    "Publication",
    "Receipt",
    "Retrieval",
    "Retrievals",
    "Review",
    "Store",
    "StoreTotals",
    "Submission",
    "Token",
    "Tokens",
    "Trouble",
    "UpdateGroup",
    "UpdateInfo",
    "UpdateRecord",
    "Updates",
    "Usage",
    "Workers",
    "digest_of",
    "new_token",
]

TOKEN_PREFIX = "exm_"  # noqa: S105  # lets people and secret scanners recognise tokens


class Archives(Protocol):
    """Export and import of whole libraries."""

    async def export(self, name: str, *, attempts: bool) -> Archive:
        """A snapshot of everything in a library.

        Args:
            name: Name of the library.
            attempts: Whether to include messages and prompts. Without them the groups cannot be
                learned from: waiting ones are set aside, open updates are closed.
        """
        ...

    async def import_library(self, archive: Archive, name: str) -> Library:
        """Create a library from an archive, in one transaction.

        Ids of updates and retrievals are unique in a database: one that is taken, such as by the
        library this is a copy of, is replaced throughout.

        Raises:
            ConflictError: If a library with this name exists.
            BadInputError: If the archive is inconsistent.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """Totals over all libraries.

    Attributes:
        waiting: Number of groups that wait for an update.
        updates: Number of updates by status; statuses without any are left out.
    """

    libraries: int
    experiences: int
    groups: int
    attempts: int
    waiting: int
    retrievals: int
    updates: Mapping[UpdateStatus, int]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was served for one task: the version and the ids of the experiences."""

    id: str
    library: str
    version: int
    task: str
    served: tuple[str, ...]


class Retrievals(Protocol):
    """Records of what was served."""

    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        """Store retrievals, all or none."""
        ...

    async def libraries_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The library of each retrieval, by id; unknown ids are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A token that clients sign in with: whose it is, what it permits, and when it expires.

    Only its digest is stored. A token is 256 random bits, so a plain SHA-256 is enough: there is
    nothing for a slow hash to protect from guessing, and the timing of an index look-up reveals
    nothing about tokens an attacker does not have.

    Attributes:
        id: Short identifier; not secret.
        scopes: Names of its permissions.
        libraries: Names of accessible libraries, existing or not; None for all.
        expires_at: When it expires; None for never.
    """

    id: str
    name: str
    scopes: frozenset[str]
    libraries: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None


def new_token() -> str:
    """A new random token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """The digest of a token, as stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens(Protocol):
    """Tokens that clients sign in with."""

    async def add(self, token: Token, digest: str) -> None:
        """Store a token; raises ConflictError if its name is taken."""
        ...

    async def find(self, digest: str) -> Token | None:
        """The token with a digest; None if it is unknown, revoked or expired."""
        ...

    async def find_expired(self, digest: str) -> Token | None:
        """The expired token with a digest, to say why it is refused."""
        ...

    async def all(self) -> tuple[Token, ...]:
        """All tokens, expired ones included, by name."""
        ...

    async def revoke(self, name_or_id: str) -> Token:
        """Revoke a token, effective at once in every process; raises NotFoundError."""
        ...


class Store(Protocol):
    """An open store."""

    @property
    def libraries(self) -> Libraries:
        """Libraries and their versions."""
        ...

    @property
    def groups(self) -> Groups:
        """Groups of attempts."""
        ...

    @property
    def updates(self) -> Updates:
        """Updates in progress and finished."""
        ...

    @property
    def retrievals(self) -> Retrievals:
        """Records of what was served."""
        ...

    @property
    def archives(self) -> Archives:
        """Export and import of libraries."""
        ...

    @property
    def location(self) -> str:
        """A path, or an address without secrets, for people."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Tokens for signing in over HTTP."""
        ...

    @property
    def workers(self) -> Workers:
        """Workers that cannot learn now."""
        ...

    async def totals(self, libraries: Collection[str] | None = None) -> StoreTotals:
        """Totals over the libraries of these names; over all for None."""
        ...

    async def change_counter(self) -> int:
        """Change counter; differs after any write."""
        ...

    async def close(self) -> None:
        """Finish pending writes and close."""
        ...
