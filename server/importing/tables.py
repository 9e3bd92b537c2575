"""Reads a table: CSV, TSV, or with semicolons, as spreadsheets in some countries write it.

The first row names the columns. All values are text; an empty cell is null.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import PurePath

from experience_store.errors import BadInputError
from server.importing.json_text import JsonObject

JSON_ENDINGS = {".json", ".jsonl", ".ndjson"}
TABLE_ENDINGS = {".csv", ".tsv"}
MAX_CELL = 10_000_000  # characters; the module's own limit is 131,072
_DELIMITERS = ",\t;"
_BOM = "\ufeff"


def is_table(start: bytes, name: str) -> bool:
    """Whether a file is a table: it does not begin as JSON does, and has columns or such a name.

    Args:
        start: The first bytes of the file.
        name: Its name, which decides where the contents do not.
    """
    text = start.removeprefix(_BOM.encode()).lstrip()
    endings = set(PurePath(name).suffixes)
    if not text or text.startswith((b"{", b"[")) or endings & JSON_ENDINGS:
        return False
    header, *others = text.splitlines()
    if endings & TABLE_ENDINGS:
        return True
    is_log = bool(others) and others[0].lstrip().startswith((b"{", b"["))
    return not is_log and any(delimiter.encode() in header for delimiter in _DELIMITERS)


def table_rows(data: bytes) -> Iterator[tuple[int, JsonObject | str]]:
    """The rows with their lines; a text is what is wrong with a row.

    Raises:
        BadInputError: If it is not a table at all.
    """
    text = _decoded(data)
    csv.field_size_limit(MAX_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    start = 1
    try:
        header = _header(next(cells for cells in lines if any(cells)))
        start = lines.line_num + 1
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield start, _row(header, cells)
            start = lines.line_num + 1
    except csv.Error as error:
        yield start, f"is not valid CSV ({error})"


def _row(header: list[str], cells: list[str]) -> JsonObject | str:
    if len(cells) != len(header):
        return (
            f"has {len(cells)} cells, and the header names {len(header)} columns; put cells with a "
            'delimiter or a line break in "quotes"'
        )
    return {name: cell or None for name, cell in zip(header, cells, strict=True)}


def _decoded(data: bytes) -> str:
    try:
        return data.decode().removeprefix(_BOM)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInputError(f"is not UTF-8 (line {line}); save the file as UTF-8") from error


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
