"""Plain data as parsers give it, with types."""

from __future__ import annotations

from typing import TypeAlias, cast

Key: TypeAlias = str | int


def as_table(value: object) -> dict[str, object] | None:
    """The value if it is a table."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """The value if it is a list."""
    return cast("list[object]", value) if isinstance(value, list) else None


def at_path(data: object, path: tuple[Key, ...]) -> object | None:
    """What is at a path, None if there is nothing."""
    found = data
    for key in path:
        table, items = as_table(found), as_list(found)
        if table is not None and isinstance(key, str):
            found = table.get(key)
        elif items is not None and isinstance(key, int):
            found = items[key]
        else:
            return None
    return found
