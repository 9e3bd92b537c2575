"""Reads the lessons in a file, of whatever form."""

from __future__ import annotations

import io
import json
import re
from pathlib import PurePath

from experience_store.errors import BadInputError
from server.importing.encoding import decoded
from server.importing.entries import read_document
from server.importing.fields import bare_name, listed
from server.importing.json_text import read_values
from server.importing.lesson_fields import TEXT_FIELDS, read_lesson_values
from server.importing.lesson_text import read_lesson_text
from server.importing.lessons import Lessons
from server.importing.parquet import MAGIC, parquet_rows
from server.importing.tables import TABLE_ENDINGS, table_header, table_rows

_JSON = re.compile(r'\s*(?:\{|\[\s*["\[{\]])')  # and not [G1], or [sai-00001]
_YAML_ENDINGS = {".yaml", ".yml"}
_YAML = re.compile(r"(?:---\s*\n)?(?:- )?[a-z_]+:(?: .*)?\n\s+(?:- )?[a-z_]+:")  # and no sentence


def read_text(data: bytes) -> str:
    """The text of a file, which may be compressed; of a Parquet file, its rows as JSON.

    Raises:
        BadInputError: If it cannot be read; says how to convert it.
    """
    document = read_document(io.BufferedReader(io.BytesIO(data)))
    if document.startswith(MAGIC):
        return json.dumps(list(parquet_rows(document)))
    return decoded(document)


def read_lessons(text: str, name: str) -> Lessons:
    """The lessons in a text.

    Args:
        text: Markdown, an ACE playbook, JSON, JSON lines, YAML or a table.
        name: The file's name, whose ending tells YAML and tables where the contents do not.

    Raises:
        BadInputError: If it has none, or is damaged; says how to write them.
    """
    try:
        return _read(text, name)
    except RecursionError as error:
        raise BadInputError("is nested too deeply") from error


def _read(text: str, name: str) -> Lessons:
    if _JSON.match(text):
        return read_lesson_values(read_values(text.encode()))
    endings = set(PurePath(name).suffixes)
    if endings & _YAML_ENDINGS or (not endings and _YAML.match(text)):
        return _of_yaml(text)
    if endings & TABLE_ENDINGS or _is_table_of_lessons(text):
        return _of_table(text)
    return read_lesson_text(text)


def _is_table_of_lessons(text: str) -> bool:
    columns = [bare_name(cell.strip()) for cell in table_header(text)]
    return len(columns) > 1 and not set(TEXT_FIELDS).isdisjoint(columns)


def _of_table(text: str) -> Lessons:
    rows = list(table_rows(text))
    for line, row in rows:
        if isinstance(row, str):
            raise BadInputError(f"line {line}: {row}")
    try:
        return read_lesson_values([[row for _, row in rows]])
    except BadInputError as error:
        columns = listed(table_header(text))
        raise BadInputError(
            f"has no experiences: name a column text in the first row; its columns are {columns}"
        ) from error


def _of_yaml(text: str) -> Lessons:
    try:
        from server.importing.yaml_text import read_yaml  # noqa: PLC0415  # which may be missing
    except ImportError as error:
        raise BadInputError(
            "is YAML: install what reads it (pip install pyyaml), or convert it to JSON "
            "(`yq -o json FILE`)"
        ) from error
    values = read_yaml(text)
    if any(isinstance(value, str) for value in values):
        return read_lesson_text(text)
    return read_lesson_values([value for value in values if value is not None])
