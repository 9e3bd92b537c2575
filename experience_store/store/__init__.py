"""What a storage backend must do, and the records it speaks in.

The store is six narrow protocols side by side, each in a module with its records. Every method
that changes something does it in one transaction: when it returns, all of it is durable; when it
raises, none of it happened.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from experience_store.errors import BadInputError
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
    Mark,
    Origin,
    Provenance,
)
from experience_store.store.retrievals import Retrieval, Retrievals
from experience_store.store.tokens import Token, Tokens
from experience_store.store.totals import Totals
from experience_store.store.transfers import Transfers
from experience_store.store.updates import (
    AskedRequest,
    Decision,
    Driver,
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

__all__ = [
    "MAX_FAILURES",
    "AskedRequest",
    "AttemptTrace",
    "Decision",
    "Driver",
    "GivenAnswer",
    "GroupCounts",
    "GroupInfo",
    "GroupTrace",
    "Groups",
    "Libraries",
    "Mark",
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
    "Transfers",
    "UpdateGroup",
    "UpdateInfo",
    "UpdateRecord",
    "UpdateStatus",
    "Updates",
    "Usage",
    "open_store",
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
    def transfers(self) -> Transfers:
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

    async def mark(self) -> int:
        """A number that is another one if anybody stored anything since it was asked for last."""
        ...

    async def close(self) -> None:
        """Finish what is being written and let go."""
        ...


async def open_store(url: str | Path) -> Store:
    """Open the store at a file path or a `sqlite:///path` URL, making it if it is new.

    Raises:
        BadInputError: If no backend serves such a URL.
        StorageError: If it cannot be opened.
    """
    from experience_store.sqlite.store import SqliteStore  # noqa: PLC0415  # one backend, one import

    text = str(url)
    if text.startswith("sqlite:///"):
        text = text.removeprefix("sqlite:///")
    elif "://" in text:
        raise BadInputError(
            f"no store for {text.split('://')[0]}://; use a file path or sqlite:///"
        )
    return await SqliteStore.open(_home(text))


def _home(path: str) -> Path:
    return Path(path).expanduser()
