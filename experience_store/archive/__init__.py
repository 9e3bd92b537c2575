"""A library as a file: `format` defines it, `validation` checks the consistency of one."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from experience_store.archive.format import FORMAT, FORMAT_VERSION, Archive
from experience_store.archive.validation import MAX_SHOWN, check
from experience_store.errors import BadInputError

__all__ = ["Archive", "read_archive", "write_archive"]


def write_archive(archive: Archive) -> str:
    """An archive as JSON text; equal archives give equal text."""
    return archive.model_dump_json(indent=1) + "\n"


def read_archive(text: str | bytes) -> Archive:
    """Read and check an archive.

    Raises:
        BadInputError: If it is not an archive, is from a newer release, or is inconsistent.
    """
    _check_format(text)
    try:
        archive = Archive.model_validate_json(text)
    except ValidationError as error:
        raise BadInputError(f"the archive is invalid: {_problems(error)}") from error
    return check(archive)


class _Head(BaseModel):
    format: object = None
    format_version: object = None


def _check_format(text: str | bytes) -> None:
    """Refuse other documents and archives of later releases before parsing the rest."""
    try:
        head = _Head.model_validate_json(text)
    except ValidationError as error:
        raise BadInputError(f"this is not an exported library: {_problems(error)}") from error
    if head.format != FORMAT:
        raise BadInputError(f"this is not an exported library: its format is not {FORMAT!r}")
    if head.format_version != FORMAT_VERSION:
        raise BadInputError(
            f"the archive has format version {head.format_version!r}, but this release supports "
            f"{FORMAT_VERSION}: upgrade experience-mcp"
        )


def _problems(error: ValidationError) -> str:
    """The first problems with their locations, without values."""
    problems = error.errors(include_url=False, include_input=False)[:MAX_SHOWN]
    return "; ".join(
        f"{'.'.join(map(str, p['loc']))}: {p['msg']}".removeprefix(": ") for p in problems
    )
