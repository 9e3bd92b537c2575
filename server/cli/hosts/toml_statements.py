"""Where the statements of a TOML text stand: headers of tables, and names with their values.

The libraries that edit TOML order its tables anew where those of one family stand apart, and
comments then stand above the wrong one. So changes are made in the text, as with JSON.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

Path: TypeAlias = tuple[str, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{1,2}(?!"))?'
    r"|'''.*?'''(?:'{1,2}(?!'))?"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|\n|[\[\]{}=]|[^\[\]{}=\"'#\n]+",
    re.DOTALL,
)
_OPEN, _CLOSE = "[{", "]}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A header or a pair with all of its lines: `text[start:end]`.

    Attributes:
        path: Of the table, or of the value with its table's names before its own.
        value: Where a pair's value stands; None for a header.
    """

    path: Path
    start: int
    end: int
    value: tuple[int, int] | None

    def within(self, path: Path) -> bool:
        """Whether this is at a path or below it."""
        return self.path[: len(path)] == path


def statements(text: str) -> list[Statement]:
    """All statements of a text that is known to be TOML."""
    found: list[Statement] = []
    table: Path = ()
    for start, end, equals, content_end in _spans(text):
        if equals is None:
            table = names(text[start:content_end])
            found.append(Statement(table, start, end, None))
        else:
            path = (*table, *names(f"{text[start:equals]}= 0"))
            space = len(text[equals + 1 :]) - len(text[equals + 1 :].lstrip(" \t"))
            found.append(Statement(path, start, end, (equals + 1 + space, content_end)))
    return found


def tokens(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """The strings, brackets, comments and what is between them, each with its position."""
    return ((token.start(), token[0]) for token in _TOKEN.finditer(text, start, end))


def _spans(text: str) -> Iterator[tuple[int, int, int | None, int]]:
    """Start and end of each statement's lines, where its `=` is, and where its content ends."""
    start, content_end, depth = 0, None, 0
    equals: int | None = None
    for token in _TOKEN.finditer(text):
        piece = token[0]
        if piece == "\n" and depth == 0:
            if content_end is not None:
                yield start, token.end(), equals, content_end
            start, content_end, equals = token.end(), None, None
            continue
        if piece.startswith("#") or not piece.strip():
            continue
        if piece == "=" and depth == 0 and equals is None:
            equals = token.start()
        depth += (piece in _OPEN) - (piece in _CLOSE)
        content_end = token.start() + len(piece.rstrip())
    if content_end is not None:
        yield start, len(text), equals, content_end


def names(statement: str) -> Path:
    """The names in a header or before a value."""
    found: object = tomllib.loads(statement)
    names: list[str] = []
    while isinstance(found, Mapping | list) and found:
        if isinstance(found, list):
            found = cast("list[object]", found)[0]
        else:
            name, found = next(iter(cast("Mapping[str, object]", found).items()))
            names.append(name)
    return tuple(names)
