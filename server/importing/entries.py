"""Reads a file into its entries, in whatever container they come.

What a file is, is seen in its contents and not in its name: JSON lines, whole JSON documents (an
array of entries, one object, or several after one another), tables, Parquet, the zipped logs of
Inspect, and any of these compressed with gzip. JSON lines are streamed; the others are read as a
whole, up to a bound.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath

from pydantic import JsonValue

from experience_store.errors import BadInputError
from server.importing.encoding import decoded, is_utf16
from server.importing.json_text import JsonObject, read_object, read_values, required_object
from server.importing.parquet import MAGIC, parquet_rows
from server.importing.tables import is_table, table_rows

MAX_DOCUMENT = 256_000_000  # bytes; parsed, a document takes several times as much
_START = 4096  # bytes in which a header is looked for
_BOM = b"\xef\xbb\xbf"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_SHEET = "xl/workbook.xml"  # of an Excel workbook, which is a zip file
_OTHER_KINDS = {
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: decompress it with `zstd -d FILE`",
    b"BZh": "is compressed with bzip2: decompress it with `bunzip2 FILE`",
    b"\xfd7zXZ": "is compressed with xz: decompress it with `xz -d FILE`",
    b"ARROW1": "is an Arrow file: save it as Parquet or JSON lines (`dataset.to_parquet(FILE)`)",
    b"SQLite format 3": "is an SQLite database: export its table as CSV or JSON lines",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook: save its sheet as CSV",
    b"version https://git-lfs": "is a pointer of Git LFS, and not the file: run `git lfs pull`",
}
_OTHER_FORMS = {
    ".yaml": "is YAML: convert it with `yq -o json FILE`",
    ".yml": "is YAML: convert it with `yq -o json FILE`",
    ".toml": "is TOML: convert it with `yq -o json FILE`",
    ".xml": "is XML: convert it to JSON lines",
    ".md": "is Markdown: write one JSON object per line, or a table as CSV",
}
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something is: a line, or a path such as `[2]` or `samples/1.json`."""

    line: int | None = None
    path: str = ""

    def within(self, path: str) -> Place:
        """A place inside this one."""
        return Place(self.line, " ".join(p for p in (self.path, path) if p))

    @property
    def label(self) -> str:
        """The place in words; empty for the file as a whole."""
        return " ".join(p for p in (f"line {self.line}" if self.line else "", self.path) if p)

    def after(self, file: str) -> str:
        """The place after the name of its file, such as `a.jsonl:3` or `a.json[2]`."""
        line = f":{self.line}" if self.line else ""
        gap = " " if self.path and (line or not self.path.startswith("[")) else ""
        return f"{file}{line}{gap}{self.path}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a file, and the size of its text in bytes."""

    place: Place
    size: int
    value: JsonObject


@dataclass(frozen=True, slots=True)
class BadEntry:
    """Something in a file that is not an entry, and why."""

    place: Place
    reason: str


def read_entries(
    file: io.BufferedReader, name: str = "", *, strict: bool = False
) -> Iterator[Entry | BadEntry]:
    """The entries of a file, in its order.

    Args:
        file: The file, open in binary mode.
        name: Its name, which tells a table with a single column.
        strict: Whether to refuse what Python accepts and JSON does not have: NaN, lone surrogates.
    """
    try:
        yield from _entries(file, name, strict=strict)
    except _DAMAGED as error:
        yield BadEntry(Place(), f"is damaged or cut off ({error})")
    except BadInputError as error:
        yield BadEntry(Place(), str(error))


def read_document(file: io.BufferedReader) -> bytes:
    """The contents of a file that is one document, decompressed.

    Raises:
        BadInputError: If it is damaged, too large, or of a kind that cannot be read; says how to
            convert it.
    """
    try:
        stream = _unpacked(file)
        if _start(stream).startswith(_ZIP):
            with zipfile.ZipFile(io.BytesIO(_read_bounded(stream))) as archive:
                raise _no_log(archive.namelist())
        return _read_bounded(stream)
    except _DAMAGED as error:
        raise BadInputError(f"is damaged or cut off ({error})") from error


def _unpacked(file: io.BufferedReader) -> io.BufferedReader:
    """The file, decompressed if it is compressed with gzip, and in UTF-8 if it is in UTF-16.

    Raises:
        BadInputError: If it is of a kind that cannot be read; says how to convert it.
    """
    start = _start(file)
    if start.startswith(_GZIP):
        return _unpacked(io.BufferedReader(gzip.GzipFile(fileobj=file, mode="rb")))
    for magic, what_to_do in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise BadInputError(what_to_do)
    if is_utf16(start[:4]):
        return io.BufferedReader(io.BytesIO(decoded(_read_bounded(file)).encode()))
    return file


def _read_bounded(file: io.BufferedReader) -> bytes:
    """The rest of a file; raises BadInputError if it is too large to be read as a whole."""
    data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise BadInputError(
            f"is larger than {MAX_DOCUMENT // 1_000_000} MB, which is too much for one document; "
            "write one object per line (`jq -c '.[]' FILE`)"
        )
    return data


def _entries(file: io.BufferedReader, name: str, *, strict: bool) -> Iterator[Entry | BadEntry]:
    if (ending := PurePath(name).suffix.lower()) in _OTHER_FORMS:
        raise BadInputError(_OTHER_FORMS[ending])
    stream = _unpacked(file)
    start = _start(stream)
    if start.startswith(_ZIP):
        yield from _archived(stream)
    elif start.startswith(MAGIC):
        for number, row in enumerate(parquet_rows(_read_bounded(stream)), start=1):
            yield Entry(Place(path=f"row {number}"), 0, row)
    elif is_table(start, name):
        for line, row in table_rows(decoded(_read_bounded(stream))):
            place = Place(line)
            yield BadEntry(place, row) if isinstance(row, str) else Entry(place, 0, row)
    else:
        yield from _json_entries(stream, strict=strict)


def _json_entries(stream: io.BufferedReader, *, strict: bool) -> Iterator[Entry | BadEntry]:
    lines = _numbered(stream)
    start = list(_until_two(lines))
    if not start:
        return
    if _is_document(start):
        text = b"".join(line for _, line in start) + _read_bounded(stream)
        yield from _document(text, strict=strict)
    else:
        yield from _lines(chain(start, lines), strict=strict)


def _start(file: io.BufferedReader) -> bytes:
    return file.peek(_START)


def _numbered(file: io.BufferedReader) -> Generator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    number = 0
    while line := file.readline(MAX_DOCUMENT + 1):
        number += 1
        if len(line) > MAX_DOCUMENT:
            raise BadInputError(f"line {number} is longer than {MAX_DOCUMENT // 1_000_000} MB")
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            yield number, text


def _until_two(lines: Generator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The first line; and the second, unless the first tells already what the file is."""
    first = next(lines, None)
    if first is None:
        return
    yield first
    if first[1].lstrip().startswith(b"{") and not _is_complete(first[1]):
        second = next(lines, None)
        if second is not None:
            yield second


def _is_document(start: list[tuple[int, bytes]]) -> bool:
    """Whether a file that begins so is one document.

    It is if it begins an array; or an object that its first line does not complete, unless another
    begins at once on the next: these are lines then, of which the first is invalid.
    """
    first, *others = (line for _, line in start)
    if first.lstrip().startswith(b"["):
        return True
    return bool(others) and not others[0].startswith(b"{")


def _is_complete(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(lines: Iterable[tuple[int, bytes]], *, strict: bool) -> Iterator[Entry | BadEntry]:
    for number, line in lines:
        place = Place(number)
        try:
            yield Entry(place, len(line), read_object(line, strict=strict))
        except BadInputError as error:
            yield BadEntry(place, str(error))


def _document(text: bytes, *, strict: bool) -> Iterator[Entry | BadEntry]:
    values = read_values(text, strict=strict)
    size = len(text)
    if values == [[]]:
        yield BadEntry(Place(), "is an empty array")
    for number, value in enumerate(values):
        whole = Place(path=f"document {number + 1}") if len(values) > 1 else Place()
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield _item(whole.within(f"[{index}]"), size // len(value), item)
        else:
            yield _item(whole, size // len(values), value)


def _item(place: Place, size: int, value: JsonValue) -> Entry | BadEntry:
    try:
        return Entry(place, size, required_object(value))
    except BadInputError as error:
        return BadEntry(place, str(error))


def _archived(file: io.BufferedReader) -> Iterator[Entry | BadEntry]:
    """The samples of a zipped Inspect log, each as a log with one sample."""
    source = file if file.seekable() else io.BytesIO(_read_bounded(file))
    with zipfile.ZipFile(source) as archive:
        names = archive.namelist()
        samples = [n for n in names if n.startswith("samples/") and n.endswith(".json")]
        header = next((n for n in ("header.json", "_journal/start.json") if n in names), None)
        if header is None or not samples:
            raise _no_log(names)
        log = read_object(_member(archive, header))
        for name in samples:
            place = Place(path=name)
            try:
                text = _member(archive, name)
                yield Entry(place, len(text), {**log, "samples": [read_object(text)]})
            except BadInputError as error:
                yield BadEntry(place, str(error))


def _no_log(names: list[str]) -> BadInputError:
    if _SHEET in names:
        return BadInputError("is an Excel workbook: save its sheet as CSV")
    return BadInputError("is a zip file, but not a log of Inspect with samples: unpack it")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_DOCUMENT:
        raise BadInputError(f"is larger than {MAX_DOCUMENT // 1_000_000} MB")
    try:
        return archive.read(name)
    except NotImplementedError as error:
        raise BadInputError(
            "is compressed in a way that is not read here: convert the log with "
            "`inspect log convert --to json --output-dir DIR FILE`"
        ) from error
