"""TOML, changed in single places, and each change held against what it should mean."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from typing import Self

from experience_store.errors import BadInputError
from server.cli.hosts.jsonc import MalformedError
from server.cli.hosts.plain import Key, as_list, as_table, at_path
from server.cli.hosts.toml_blocks import put_back
from server.cli.hosts.toml_inline import span_in, with_value, without_value, written, written_name
from server.cli.hosts.toml_statements import Path, Statement, statements

_GAP = re.compile(r"(?:^|\n)(\r?\n)\Z")
_POSITION = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


class TomlDocument:
    """A TOML text."""

    def __init__(self, text: str) -> None:
        try:
            self._data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _malformed(error, text) from error
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self._text

    def get(self, *path: Key) -> object | None:
        """The value at a path, None if there is none."""
        return at_path(self._data, path)

    def check_names(self, *path: str) -> None:
        """Nothing: in TOML, a name that stands there twice is an error by itself."""

    def set(self, *path: str, value: object) -> None:
        """Put a value at a path, and make what is missing on the way."""
        expected = deepcopy(self._data)
        _put(expected, path, value)
        table = as_table(value)
        all_of_them = statements(self._text)
        if holder := _holder(all_of_them, path):
            text = with_value(self._text, *holder, written(value))
            self._settle(text, expected)
        elif table is not None and self.get(*path) is None:
            block = self._block(path, table)
            self._settle(self._with_block(len(self._text), block), expected)
        elif (at := _end_of_table(all_of_them, path[:-1])) is None:
            block = self._block(path[:-1], {path[-1]: value})
            self._settle(self._with_block(len(self._text), block), expected)
        else:
            line = f"{written_name(path[-1])} = {written(value)}{self._newline}"
            self._settle(self._text[:at] + self._line_ended(at) + line + self._text[at:], expected)

    def append(self, *path: str, value: object) -> None:
        """Add a value to the list at a path."""
        self.set(*path, value=[*(as_list(self.get(*path)) or []), value])

    def remove(self, *path: Key) -> None:
        """Take out what is at a path, if there is something."""
        names = tuple(str(key) for key in path)
        if self.get(*names) is None:
            return
        expected = _less(self._data, names)
        all_of_them = statements(self._text)
        holder = _holder(all_of_them, names)
        if holder and holder[1]:
            self._settle(without_value(self._text, *holder), expected)
            return
        self._settle(_without(self._text, _spans(all_of_them, names))[0], expected)

    def take_from(self, older: Self, *path: str) -> None:
        """Put at a path what an older text has there, as it was written."""
        value = older.get(*path)
        all_of_them = statements(self._text)
        expected = deepcopy(self._data)
        raw = older._raw(path)
        if (holder := _holder(all_of_them, path)) and raw is not None:
            _put(expected, path, value)
            self._settle(with_value(self._text, *holder, raw), expected)
            return
        here = _spans(all_of_them, path)
        at = _without(self._text, here)[1]
        if value is None and len(here) == 1:
            self._take_end(path, older.text, here[0])
        self.remove(*path)
        if value is None:
            return
        spans = _spans(statements(older.text), path)
        if raw is not None or as_table(value) is None or not spans:
            self.set(*path, value=value)
            return
        _put(expected, path, value)
        text: str | None = self._text
        for span in spans:
            text = put_back(text, older.text, path, span) if text is not None else None
        if text is None:
            text = self._with_block(at, "".join(older.text[start:end] for start, end in spans))
        self._settle(text, expected)

    def _take_end(self, path: Path, older: str, span: tuple[int, int]) -> None:
        """Take out lines that were put behind an older text, and the empty line before them."""
        before, after = self._text[: span[0]], self._text[span[1] :]
        if before.rstrip() == older.rstrip():
            start = older if older.endswith("\n") or not after else older + self._newline
            self._settle((start if older else "") + after, _less(self._data, path))

    def _raw(self, path: Path) -> str | None:
        """A value as it is written, None if it is a table with lines of its own."""
        holder = _holder(statements(self._text), path)
        span = span_in(self._text, *holder) if holder else None
        return self._text[span[0] : span[1]] if span else None

    def _with_block(self, at: int, block: str) -> str:
        """The text with a table put in at the start of a line, with an empty line between."""
        before, after = self._text[:at] + self._line_ended(at), self._text[at:]
        if before.strip() and not before.endswith(self._newline * 2):
            before += self._newline
        if after.strip() and not after.startswith(("\n", "\r\n")):
            block += self._newline
        return before + block + after

    def _line_ended(self, at: int) -> str:
        return self._newline if at and self._text[at - 1] != "\n" else ""

    def _block(self, path: Path, table: Mapping[str, object]) -> str:
        """A table with its header, and its tables below it."""
        inner = {k: below for k, v in table.items() if (below := as_table(v)) is not None}
        lines = [f"[{'.'.join(written_name(name) for name in path)}]"]
        lines += [f"{written_name(k)} = {written(v)}" for k, v in table.items() if k not in inner]
        text = "".join(line + self._newline for line in lines)
        for key, value in inner.items():
            text += self._newline + self._block((*path, key), value)
        return text

    def _settle(self, text: str, expected: Mapping[str, object]) -> None:
        """Take over a new text, if it means what it should.

        Raises:
            BadInputError: It does not; this file is written in too unusual a way.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            data = None
        if data is None or _without_empty(data) != _without_empty(expected):
            raise BadInputError(
                "this file is written in a way in which a change could do harm. Nothing was "
                "changed; add the entry by hand"
            )
        self._text, self._data = text, data


def _malformed(error: tomllib.TOMLDecodeError, text: str) -> MalformedError:
    found = _POSITION.fullmatch(str(error))
    if found and found[2]:
        return MalformedError(found[1], int(found[2]), int(found[3]))
    return MalformedError(found[1] if found else str(error), text.count("\n") + 1, 1)


def _holder(all_of_them: list[Statement], path: Path) -> tuple[tuple[int, int], Path] | None:
    """Where the value stands that a path leads to or into, and the rest of the path."""
    for statement in all_of_them:
        if statement.value and statement.path == path[: len(statement.path)]:
            return statement.value, path[len(statement.path) :]
    return None


def _spans(all_of_them: list[Statement], path: Path) -> list[tuple[int, int]]:
    """The runs of statements at a path or below, with the comments inside them."""
    spans: list[tuple[int, int]] = []
    before: Statement | None = None
    for statement in all_of_them:
        if statement.within(path):
            if before and before.within(path) and spans:
                spans[-1] = (spans[-1][0], statement.end)
            else:
                spans.append((statement.start, statement.end))
        before = statement
    return spans


def _without(text: str, spans: list[tuple[int, int]]) -> tuple[str, int]:
    """A text without some lines and the empty line before them, and where the first of them was."""
    at = len(text)
    for start, end in reversed(spans):
        before, after = text[:start], text[end:]
        if not after.strip() or after.startswith(("\n", "\r\n")):
            gap = _GAP.search(before)
            before = before[: gap.start(1)] if gap else before
        text, at = before + after, len(before)
    return text, at


def _end_of_table(all_of_them: list[Statement], table: Path) -> int | None:
    """Behind the last pair that stands under the header of a table; None without a header."""
    end: int | None = None
    inside = False
    for statement in all_of_them:
        if statement.value is None:
            inside = statement.path == table
        if inside:
            end = statement.end
    return end


def _less(data: dict[str, object], path: Path) -> dict[str, object]:
    """The data without what is at a path."""
    left = deepcopy(data)
    parent = as_table(at_path(left, path[:-1]))
    assert parent is not None, "it holds what is removed"
    del parent[path[-1]]
    return left


def _put(data: dict[str, object], path: Path, value: object) -> None:
    for key in path[:-1]:
        inner = as_table(data.setdefault(key, {}))
        if inner is None:
            raise BadInputError(f"{key} should be a table")
        data = inner
    data[path[-1]] = value


def _without_empty(data: Mapping[str, object]) -> dict[str, object]:
    """The data without tables that hold nothing: a table can be there only as a prefix."""
    kept: dict[str, object] = {}
    for key, value in data.items():
        table = as_table(value)
        found = value if table is None else _without_empty(table)
        if found != {}:
            kept[key] = found
    return kept
