"""The rows of a dataset's file: JSON, JSON lines, CSV, TSV or Parquet, perhaps compressed.

A table is told from JSON by how it begins. Its first row names the columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import BadInputError
from server.importing.entries import BadEntry, read_bounded, read_entries, unpacked
from server.importing.json_text import JsonObject
from server.importing.parquet import MAGIC

JSON_ENDINGS = {".json", ".jsonl", ".ndjson"}
MAX_CELL = 10_000_000  # characters; the module's own limit is 131,072
_DELIMITERS = ",\t;"
_BOM = "\ufeff"


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
    try:
        with path.open("rb") as file:
            stream = unpacked(file)
            if _is_table(path, stream):
                return list(_table_rows(_decoded(read_bounded(stream))))
            return _json_rows(stream)
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror or error})") from error


def _is_table(path: Path, file: io.BufferedReader) -> bool:
    """Whether it is neither JSON, by its first character or its name, nor Parquet."""
    start = file.peek(1024).removeprefix(_BOM.encode()).lstrip()
    if not start or start.startswith((b"{", b"[", b"PK\x03\x04", MAGIC)):
        return False
    return not JSON_ENDINGS & set(path.suffixes)


def _json_rows(file: io.BufferedReader) -> list[Row]:
    rows: list[Row] = []
    bad: list[str] = []
    for entry in read_entries(file, strict=True):
        if isinstance(entry, BadEntry) and not entry.place.label:
            raise BadInputError(entry.reason)
        if isinstance(entry, BadEntry):
            bad.append(f"{entry.place.label}: {entry.reason}")
        else:
            rows.append(Row(entry.place.label or "the object", entry.value))
    refuse(bad)
    return rows


def refuse(bad: list[str], longest: int = 5) -> None:
    """Raise what is wrong with rows, if anything is; the first few are named."""
    if bad:
        more = f"\n… and {len(bad) - longest} more" if len(bad) > longest else ""
        raise BadInputError("has invalid rows.\n" + "\n".join(bad[:longest]) + more)


def _decoded(data: bytes) -> str:
    try:
        return data.decode().removeprefix(_BOM)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInputError(f"is not UTF-8 (line {line}); save the file as UTF-8") from error


def _table_rows(text: str) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    bad: list[str] = []
    try:
        header = _header(next(cells for cells in lines if any(cells)))
        start = lines.line_num + 1
        for cells in lines:
            place, start = f"line {start}", lines.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                bad.append(
                    f"{place}: has {len(cells)} cells, and the header names {len(header)} columns; "
                    'put cells with a delimiter or a line break in "quotes"'
                )
                continue
            yield Row(place, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        bad.append(f"line {lines.line_num}: is not valid CSV ({error})")
    refuse(bad)


def _delimiter(text: str) -> str:
    """The delimiter that the header has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _header(cells: list[str]) -> list[str]:
    """The names of the columns; those of empty cells, such as an index's, are their numbers."""
    names = [cell.strip() or f"column {n}" for n, cell in enumerate(cells, start=1)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInputError(f"has two columns named {twice!r}: rename one")
    return names
