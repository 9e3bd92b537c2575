"""Reads the rows of a Parquet file, with the package arro3-io, which is an extra."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from experience_store.errors import BadInputError
from server.installation import how_to_install

if TYPE_CHECKING:
    from arro3.core import RecordBatchReader

MAGIC = b"PAR1"
_FOOTER = 8  # bytes: the size of the metadata before them, and the magic again
_BATCH = 256


def parquet_rows(data: bytes) -> Iterator[dict[str, JsonValue]]:
    """The rows of a file, in its order.

    Raises:
        BadInputError: If the package is not installed, or the file is damaged.
    """
    try:
        yield from _rows(data)
    except BaseException as error:
        if not _is_of_arrow(error):
            raise
        raise BadInputError(f"is a Parquet file that is damaged ({str(error)[:80]})") from error


def _is_of_arrow(error: BaseException) -> bool:
    """Whether the package failed: it raises plain exceptions, and panics on files it mistrusts."""
    return type(error) is Exception or type(error).__name__ == "PanicException"


def _rows(data: bytes) -> Iterator[dict[str, JsonValue]]:
    for batch in _reader(data):
        columns = {name: batch.column(name) for name in batch.column_names}
        for number in range(batch.num_rows):
            yield {name: _plain(column[number].as_py()) for name, column in columns.items()}


def _reader(data: bytes) -> RecordBatchReader:
    try:
        from arro3.io import read_parquet  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise BadInputError(
            f"is a Parquet file: to read it, {how_to_install('practice')}; or convert it to JSON "
            "lines (`duckdb -c \"COPY (FROM 'FILE') TO 'FILE.jsonl' (FORMAT json)\"`)"
        ) from error
    metadata = int.from_bytes(data[-_FOOTER:-4], "little")
    if not data.endswith(MAGIC) or metadata > len(data) - _FOOTER - len(MAGIC):
        raise BadInputError("is a Parquet file that is damaged or cut off")  # arro3 would panic
    return read_parquet(io.BytesIO(data), batch_size=_BATCH)


def _plain(value: object) -> JsonValue:
    """The value as JSON has it: not a number is null, binary data its size, dates are text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return f"({len(value)} bytes)"
        case Mapping():
            fields = cast("Mapping[object, object]", value)
            return {str(key): _plain(item) for key, item in fields.items()}
        case Sequence():
            return [_plain(item) for item in cast("Sequence[object]", value)]
        case _:
            return str(value)
