"""Rows in a file that is one object: in a list, by their names, or as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from experience_store.errors import BadInputError
from server.importing.chat import are_messages
from server.importing.fields import as_list, as_object, listed, objects
from server.importing.json_text import JsonObject
from server.practice.datasets.rows import Row


def rows_in(value: JsonObject, has_prompt: Callable[[JsonObject], bool]) -> list[Row]:
    """The rows in an object that is none itself; none if it holds no rows.

    Raises:
        BadInputError: If it has several lists of rows.
    """
    lists = {name: rows for name, of in value.items() if (rows := list(_listed(name, of)))}
    found = {name: r for name, r in lists.items() if any(has_prompt(row.value) for row in r)}
    if len(found) > 1:
        raise BadInputError(
            f"has several lists of tasks ({listed(list(found))}): write one of them to a file, as "
            f"`jq -c '.{next(iter(found))}[]' FILE`"
        )
    for rows in found.values():
        return rows
    for rows in (list(_by_name(value)), list(_in_columns(value))):
        if any(has_prompt(row.value) for row in rows):
            return rows
    return []


def _listed(name: str, held: object) -> Iterator[Row]:
    items = as_list(held) or []
    if are_messages(held) or len(objects(held)) < len(items):
        return
    for number, item in enumerate(items):
        row = cast("JsonObject", item)
        inner = as_object(row.get("row")) if "row_idx" in row else None  # of HuggingFace's viewer
        yield Row(f"{name}[{number}]", cast("JsonObject", inner or row))


def _by_name(value: JsonObject) -> Iterator[Row]:
    """Rows that are the values of an object, whose keys are their ids."""
    held = {name: as_object(of) for name, of in value.items()}
    if len(held) > 1 and all(of is not None for of in held.values()):
        for name, of in held.items():
            yield Row(name, cast("JsonObject", {"id": name, **(of or {})}))


def _in_columns(value: JsonObject) -> Iterator[Row]:
    """Rows that are written column by column, as pandas does."""
    names, data = as_list(value.get("columns")), as_list(value.get("data"))
    if names and data:
        cells = [as_list(row) or [] for row in data]
        columns = {str(name): [*of] for name, *of in zip(names, *cells, strict=False)}
    else:
        columns = {name: _column(of) for name, of in value.items()}
    sizes = {len(column) for column in columns.values()}
    if sizes == {0} or len(sizes) != 1 or any(are_messages(of) for of in value.values()):
        return
    for number in range(sizes.pop()):
        row = {name: column[number] for name, column in columns.items()}
        yield Row(f"row {number + 1}", cast("JsonObject", row))


def _column(held: object) -> list[object]:
    return list((as_object(held) or {}).values()) or as_list(held) or []
