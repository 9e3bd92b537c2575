"""What a storage backend must do, and the records it speaks in.

The store is six narrow protocols side by side, each in a module with its records. Every method
that changes something does it in one transaction: when it returns, all of it is durable; when it
raises, none of it happened.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from experience_store.store.archives import Archives
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
from experience_store.store.retrievals import Retrieval, Retrievals
from experience_store.store.tokens import Token, Tokens
from experience_store.store.totals import Totals
from experience_store.store.updates import (
    AskedRequest,
    Decision,
    GivenAnswer,
    Publication,
    Review,
    UpdateGroup,
    UpdateInfo,
    UpdateRecord,
    Updates,
    Usage,
)

__all__ = [
    "MAX_FAILURES",
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
    "Submission",
    "Token",
    "Tokens",
    "Totals",
    "UpdateGroup",
    "UpdateInfo",
    "UpdateRecord",
    "Updates",
    "Usage",
]


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
        """Updates in progress and done."""
        ...

    @property
    def retrievals(self) -> Retrievals:
        """What was served."""
        ...

    @property
    def archives(self) -> Archives:
        """Libraries out of it and into it."""
        ...

    @property
    def location(self) -> str:
        """Where it is, for people: a path or an address without secrets."""
        ...

    @property
    def tokens(self) -> Tokens:
        """What clients sign in with over HTTP."""
        ...

    async def totals(self, libraries: Collection[str] | None = None) -> Totals:
        """What the libraries of these names hold together; all of them for None."""
        ...

    async def change_counter(self) -> int:
        """Change counter; differs after any write."""
        ...

    async def close(self) -> None:
        """Finish what is being written and let go."""
        ...
