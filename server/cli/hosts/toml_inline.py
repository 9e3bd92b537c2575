"""Inline tables of TOML, `{ a = 1 }`: how they are written, and changed in one place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from server.cli.hosts.plain import as_list, as_table
from server.cli.hosts.toml_statements import Path, names, tokens

Span = tuple[int, int]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class _Member:
    path: Path
    start: int
    value: Span
    comma: int | None


def written_name(key: str) -> str:
    """A name as it stands in a file."""
    return key if _BARE.fullmatch(key) else written(key)


def written(value: object) -> str:
    """A value on one line. A JSON string is a TOML string, but for one character."""
    if (table := as_table(value)) is not None:
        pairs = ", ".join(f"{written_name(k)} = {written(v)}" for k, v in table.items())
        return f"{{ {pairs} }}"
    if (items := as_list(value)) is not None:
        return f"[{', '.join(written(item) for item in items)}]"
    if isinstance(value, bool | str | int | float):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return str(value)  # dates and times


def span_in(text: str, table: Span, path: Path) -> Span | None:
    """Where the value at a path below an inline table stands."""
    if not path:
        return table
    member = _towards(text, table, path)
    return span_in(text, member.value, path[len(member.path) :]) if member else None


def with_value(text: str, table: Span, path: Path, value: str) -> str:
    """The text with a value, as it is written, at a path below an inline table."""
    if not path:
        return text[: table[0]] + value + text[table[1] :]
    if member := _towards(text, table, path):
        return with_value(text, member.value, path[len(member.path) :], value)
    for name in reversed(path[1:]):
        value = f"{{ {written_name(name)} = {value} }}"
    pair = f"{written_name(path[0])} = {value}"
    members = _members(text, table)
    if not members:
        return f"{text[: table[0]]}{{ {pair} }}{text[table[1] :]}"
    end = members[-1].value[1]
    return f"{text[:end]}, {pair}{text[end:]}"


def without_value(text: str, table: Span, path: Path) -> str:
    """The text without what is at a path below an inline table."""
    members = _members(text, table)
    hits = [i for i, member in enumerate(members) if member.path[: len(path)] == path]
    for i in reversed(hits):
        member = members[i]
        if member.comma is not None and i + 1 < len(members) and i + 1 not in hits:
            text = text[: member.start] + text[members[i + 1].start :]
        elif i and (comma := members[i - 1].comma) is not None:
            text = text[:comma] + text[member.value[1] :]
        else:
            text = text[: table[0]] + "{}" + text[text.index("}", member.value[1]) + 1 :]
    if not hits and (above := _towards(text, table, path)):
        return without_value(text, above.value, path[len(above.path) :])
    return text


def _towards(text: str, table: Span, path: Path) -> _Member | None:
    if not text.startswith("{", table[0]):
        return None
    return next((m for m in _members(text, table) if path[: len(m.path)] == m.path), None)


def _members(text: str, table: Span) -> list[_Member]:
    found: list[_Member] = []
    begin, equals, depth = table[0] + 1, None, 0
    commas: list[tuple[int, int, int | None]] = []
    for at, piece in tokens(text, table[0] + 1, table[1] - 1):
        if piece in {"[", "{"}:
            depth += 1
        elif piece in {"]", "}"}:
            depth -= 1
        elif depth == 0 and piece == "=" and equals is None:
            equals = at
        elif depth == 0 and piece[0] not in "\"'#":
            for offset, character in enumerate(piece):
                if character == "," and equals is not None:
                    commas.append((begin, equals, at + offset))
                    begin, equals = at + offset + 1, None
    if equals is not None:
        commas.append((begin, equals, None))
    for begin, equals, comma in commas:
        start = _behind_space(text, begin)
        value = _behind_space(text, equals + 1)
        end = value + len(text[value : table[1] - 1 if comma is None else comma].rstrip())
        found.append(_Member(names(f"{text[start:equals]}= 0"), start, (value, end), comma))
    return found


def _behind_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
