"""Libraries on the move: all of one out of the store as an archive, and back in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # records that are validated are slow to import
    from experience_store.archive.records import Archive
    from experience_store.library import Library


class Archives(Protocol):
    """What a backend does to let libraries travel."""

    async def export(self, name: str, *, attempts: bool) -> Archive:
        """Everything about a library, as of one moment.

        Args:
            name: Of the library.
            attempts: Whether messages and prompts come along. Without them nothing can be learned
                from its groups elsewhere: those that wait are set aside, open updates are closed.
        """
        ...

    async def import_library(self, archive: Archive, name: str) -> Library:
        """Make a new library of an archive, in one transaction.

        Ids of updates and retrievals are unique in a database: where one is taken already (by the
        library this is a copy of), it is replaced throughout.

        Raises:
            ConflictError: If there is a library of this name.
            BadInputError: If the archive does not fit together.
        """
        ...
