"""The rows of a dataset's file, each with its place in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import BadInputError
from server.importing.entries import BadEntry, read_entries
from server.importing.json_text import JsonObject


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and its place in words, such as `line 3`."""

    place: str
    value: JsonObject


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, in its order.

    Raises:
        BadInputError: If any of it cannot be read; names the place of each bad row.
    """
    rows: list[Row] = []
    bad: list[str] = []
    try:
        with path.open("rb") as file:
            for entry in read_entries(file, path.name, strict=True):
                if not isinstance(entry, BadEntry):
                    rows.append(Row(entry.place.label or "the object", entry.value))
                elif entry.place.label:
                    bad.append(f"{entry.place.label}: {entry.reason}")
                else:
                    raise BadInputError(entry.reason)
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror or error})") from error
    refuse(bad)
    return rows


def refuse(bad: list[str], longest: int = 5) -> None:
    """Raise what is wrong with rows, if anything is; the first few are named."""
    if bad:
        more = f"\n… and {len(bad) - longest} more" if len(bad) > longest else ""
        raise BadInputError("has invalid rows.\n" + "\n".join(bad[:longest]) + more)
