"""Libraries on the move: out of a store into a file, and from a file into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ValidationError

from experience_store.errors import BadInputError
from experience_store.library import Library
from experience_store.transfer.checks import MAX_SHOWN, check
from experience_store.transfer.records import FORMAT, FORMAT_VERSION, Archive

__all__ = ["Archive", "Transfers", "open_transfers", "read_archive", "write_archive"]


class Transfers(Protocol):
    """What a backend does to let libraries travel."""

    async def export(self, name: str, *, attempts: bool) -> Archive:
        """Everything about a library, as of one moment.

        Args:
            name: Of the library.
            attempts: Whether messages and prompts come along. Without them nothing can be learned
                from its groups elsewhere: those that wait are set aside, open updates are closed.
        """
        ...

    async def take_in(self, archive: Archive, name: str) -> Library:
        """Make a new library of an archive, in one transaction.

        Ids of updates and retrievals are unique in a database: where one is taken already (by the
        library this is a copy of), it is replaced throughout.

        Raises:
            ConflictError: If there is a library of this name.
            BadInputError: If the archive does not fit together.
        """
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


async def open_transfers(database: Path) -> Transfers:
    """Open a store for export and import.

    Raises:
        StorageError: If it cannot be opened.
    """
    from experience_store.sqlite.transfer import SqliteTransfers  # noqa: PLC0415  # one backend

    return await SqliteTransfers.open(database)


def write_archive(archive: Archive) -> str:
    """An archive as JSON text, the same for the same archive."""
    return archive.model_dump_json(indent=1) + "\n"


def read_archive(text: str | bytes) -> Archive:
    """Read and check an archive.

    Raises:
        BadInputError: If it is none, if a newer release wrote it, or if it does not fit together.
    """
    _check_format(text)
    try:
        archive = Archive.model_validate_json(text)
    except ValidationError as error:
        raise BadInputError(f"the archive is damaged: {_said(error)}") from error
    return check(archive)


class _Head(BaseModel):
    format: object = None
    format_version: object = None


def _check_format(text: str | bytes) -> None:
    """Tell what is no archive, and what is one of a later release, before the details."""
    try:
        head = _Head.model_validate_json(text)
    except ValidationError as error:
        raise BadInputError(f"this is no exported library: {_said(error)}") from error
    if head.format != FORMAT:
        raise BadInputError(f"this is no exported library: its format is not {FORMAT!r}")
    if head.format_version != FORMAT_VERSION:
        raise BadInputError(
            f"the archive has format version {head.format_version!r}, this release reads "
            f"{FORMAT_VERSION}: upgrade experience-mcp"
        )


def _said(error: ValidationError) -> str:
    """The first problems with their places, values left out."""
    problems = error.errors(include_url=False, include_input=False)[:MAX_SHOWN]
    return "; ".join(": ".join([*_place(p["loc"]), p["msg"]]) for p in problems)


def _place(parts: tuple[str | int, ...]) -> list[str]:
    return [".".join(str(part) for part in parts)] if parts else []
