"""Reads a table: CSV, TSV, or with semicolons, as spreadsheets in some countries write it.

The first row names the columns. All values are text; an empty cell is null.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import PurePath

from experience_store.errors import BadInputError
from server.importing.json_text import JsonObject

JSON_ENDINGS = {".json", ".jsonl", ".ndjson"}
TABLE_ENDINGS = {".csv", ".tsv"}
MAX_CELL = 10_000_000  # characters; the module's own limit is 131,072
_DELIMITERS = ",\t;|"
_EXCEL = re.compile(r"sep=(?P<delimiter>.)\r?\n")  # which Excel takes for no row


def is_table(start: bytes, name: str) -> bool:
    """Whether a file is a table: it does not begin as JSON does, and has columns or such a name.

    Args:
        start: The first bytes of the file.
        name: Its name, which decides where the contents do not.
    """
    text = start.removeprefix("\ufeff".encode()).lstrip()
    endings = set(PurePath(name).suffixes)
    if not text or text.startswith((b"{", b"[", b"|")) or endings & JSON_ENDINGS:
        return False
    header, *others = text.splitlines()
    if endings & TABLE_ENDINGS:
        return True
    is_log = bool(others) and others[0].lstrip().startswith((b"{", b"["))
    return not is_log and any(delimiter.encode() in header for delimiter in _DELIMITERS)


def table_rows(text: str) -> Iterator[tuple[int, JsonObject | str]]:
    """The rows with their lines; a text is what is wrong with a row.

    Raises:
        BadInputError: If it is not a table at all.
    """
    csv.field_size_limit(MAX_CELL)
    rows = _cells(text)
    start = 1
    try:
        end, cells = next(row for row in rows if any(row[1]))
        header = _header(cells)
        start = end + 1
        for end, cells in rows:
            if any(cell.strip() for cell in cells):
                yield start, _row(header, cells)
            start = end + 1
    except csv.Error as error:
        yield start, f"is not valid CSV ({error})"


def table_header(text: str) -> list[str]:
    """The cells of the first row; none if there is no such row."""
    try:
        return next((cells for _, cells in _cells(text) if any(cells)), list[str]())
    except csv.Error:
        return []


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with its last line."""
    excel = _EXCEL.match(text)
    delimiter = excel["delimiter"] if excel else _delimiter(text)
    whole = text.replace(excel[0], "\n", 1) if excel else text
    reader = csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter, strict=True)
    for cells in reader:
        yield reader.line_num, cells


def _row(header: list[str], cells: list[str]) -> JsonObject | str:
    if len(cells) != len(header):
        return (
            f"has {len(cells)} cells, and the header names {len(header)} columns; put cells with a "
            'delimiter or a line break in "quotes"'
        )
    return {name: cell or None for name, cell in zip(header, cells, strict=True)}


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
