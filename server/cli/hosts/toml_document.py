"""TOML, edited in place with tomlkit, section by section.

To tomlkit, the comments above a header belong to the section before: it would put new keys behind
them, and remove them with that section. So it is given one section at a time, up to the last key,
and tables are added and removed as text. Whatever the text looks like, an edit is only accepted if
the result parses to exactly the intended data.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item
from typing_extensions import override

from experience_store.errors import BadInputError
from server.cli.hosts.document import (
    ConfigDocument,
    Key,
    MalformedError,
    as_list,
    as_object,
    at_path,
)

Path: TypeAlias = tuple[str, ...]

_BRACKET = re.compile(r"^[ \t]*\[", re.MULTILINE)
_COMMENTS = re.compile(r"(?:(?:^|(?<=\n))[ \t]*(?:#[^\n]*|\r)?(?:\n|\Z))+\Z")
_LONE_NEWLINE = re.compile(r"(?<!\r)\n")
_GAP = re.compile(r"(?:^|\n)(\r?\n)\Z")
_POSITION = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Section:
    """A header and its keys, or the keys before the first header: `text[start:end]`."""

    path: Path
    start: int
    end: int


class TomlDocument(ConfigDocument):
    """A TOML text."""

    @override
    def check_names(self, *path: str) -> None:
        pass  # in TOML, a duplicate name is an error by itself

    @override
    def set(self, *path: Key, value: object) -> None:
        names = tuple(map(str, path))
        if as_object(self.get(*names)) is not None:
            self.remove(*names)
        self._accept(_changed(self.data, names, value), *self._candidates(names, value))

    @override
    def remove(self, *path: Key) -> None:
        names = tuple(map(str, path))
        if self.get(*names) is None:
            return
        text = self.text
        for section in reversed(_sections(text, names)):
            text = _without(text, section)
        has_more = at_path(tomllib.loads(text), names) is not None
        expected = _changed(self.data, names, None)
        self._accept(expected, partial(_edited, text, names, None) if has_more else lambda: text)

    @override
    def restore(self, older: str, *path: str) -> None:
        value = TomlDocument(older).get(*path)
        (start, end), source = _span(self.text, path), _span(older, path)
        text = self.text[:start] + older[slice(*source)] + self.text[end:]
        try:
            self._accept(_changed(self.data, path, value), lambda: text)
        except BadInputError:  # it is not in one piece, or not in sections of its own
            self.update(*path, value=value)

    @override
    def _parse(self, text: str) -> object:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _POSITION.fullmatch(str(error))
            assert found, "the parser says where it is"
            line, column = (found[2], found[3]) if found[2] else (text.count("\n") + 1, 1)
            raise MalformedError(found[1], int(line), int(column)) from error

    def _accept(self, expected: dict[str, object], *candidates: Callable[[], str]) -> None:
        """Accept the first candidate that parses to the expected data.

        Raises:
            BadInputError: There is none.
        """
        for candidate in candidates:
            try:
                text = candidate()
                data = tomllib.loads(text)
            except (TOMLKitError, tomllib.TOMLDecodeError):
                continue
            if _without_empty(data) == _without_empty(expected):
                self.text, self.data = text, data
                return
        raise BadInputError(
            "this file cannot be edited safely. Nothing was changed; edit the entry by hand"
        )

    def _candidates(self, path: Path, value: object) -> Iterator[Callable[[], str]]:
        """Texts with a value: in a section of its own, in its table, or together with its table."""
        while path:
            if as_object(value) is not None:
                yield partial(self._with_table, path, value)
            yield partial(_edited, self.text, path, _inline(value))
            path, value = path[:-1], {path[-1]: value}

    def _with_table(self, path: Path, value: object) -> str:
        """The text with a new section at the end, after an empty line."""
        for name in reversed(path):
            value = {name: value}
        block = tomlkit.dumps(as_object(value) or {}).lstrip().replace("\n", self._newline)
        before = self.text
        before += self._newline if before and not before.endswith("\n") else ""
        if before.strip() and not before.endswith(self._newline * 2):
            before += self._newline
        return before + block


def _sections(text: str, path: Path = ()) -> list[_Section]:
    """The sections of a table and its subtables."""
    starts = [0]
    for found in _BRACKET.finditer(text):
        if _is_toml(text[starts[-1] : found.start()]):  # otherwise it is in a string or a list
            starts.append(found.start())
    sections: list[_Section] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        comments = _COMMENTS.search(text, start, end)
        header = text[start:end].partition("\n")[0].rstrip("\r") if sections else ""
        sections.append(_Section(_path(header), start, comments.start() if comments else end))
    return [section for section in sections if section.path[: len(path)] == path]


def _span(text: str, path: Path) -> tuple[int, int]:
    """From the first section of a table to the last one; empty if there is none."""
    sections = _sections(text, path)
    return (sections[0].start, sections[-1].end) if sections else (0, 0)


def _path(header: str) -> Path:
    path: list[str] = []
    found: object = tomllib.loads(header)
    while found:
        if table := as_object(found):
            name, found = next(iter(table.items()))
            path.append(name)
        else:
            found = (as_list(found) or [None])[0]
    return tuple(path)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _without(text: str, section: _Section) -> str:
    """The text without a section and the empty line before it."""
    before, after = text[: section.start], text[section.end :]
    if not after.strip() or after.startswith(("\n", "\r\n")):
        gap = _GAP.search(before)
        before = before[: gap.start(1)] if gap else before
    return before + after


def _edited(text: str, path: Path, value: Item | None) -> str:
    """The text with a value set or removed by tomlkit, in the section that has its table."""
    sections = [s for s in _sections(text) if s.path == path[:-1][: len(s.path)]]
    for section in sorted(sections, key=lambda section: -len(section.path)):
        old = text[section.start : section.end]
        root = tomlkit.parse(old)
        table = cast("MutableMapping[str, object] | None", root)
        for name in path[:-1]:
            table = cast("MutableMapping[str, object] | None", table and table.get(name))
        if table is None or (value is None and path[-1] not in table):
            continue
        if value is None:
            del table[path[-1]]
        else:
            table[path[-1]] = value
        new = root.as_string()
        if "\r\n" in old and not _LONE_NEWLINE.search(old):
            new = _LONE_NEWLINE.sub("\r\n", new)
        return text[: section.start] + new + text[section.end :]
    raise TOMLKitError(f"no section has {'.'.join(path)}")


def _inline(value: object) -> Item:
    """A value as it is written on one line."""
    if (table := as_object(value)) is None:
        return tomlkit.item(value)
    made = tomlkit.inline_table()
    cast("MutableMapping[str, object]", made).update(table)
    return made


def _changed(data: dict[str, object], path: Path, value: object) -> dict[str, object]:
    """The data with a value at a path, or without it if that is None."""
    changed = table = deepcopy(data)
    for name in path[:-1]:
        inner = as_object(table.setdefault(name, {}))
        if inner is None:
            raise BadInputError(f"{name} must be a table; nothing was changed")
        table = inner
    table[path[-1]] = value
    if value is None:
        del table[path[-1]]
    return changed


def _without_empty(data: object) -> object:
    """The data without empty tables; in TOML, some exist only as long as something is in them."""
    table = as_object(data)
    if table is None:
        return data
    kept = {key: _without_empty(value) for key, value in table.items()}
    return {key: value for key, value in kept.items() if value != {}}
