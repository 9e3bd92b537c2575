"""JSON with comments and trailing commas (JSONC), edited in place.

No maintained library writes JSONC back as it was, so changes are made in the text. To find their
places, comments and trailing commas are overwritten with spaces: Python's own parser reads the
rest, and its positions are those of the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from typing_extensions import override

from experience_store.errors import BadInputError
from server.cli.hosts.document import ConfigDocument, Key, MalformedError

_SPACE = r"[ \t\r\n]*"
_SPACES = re.compile(_SPACE)
_STRING = r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_COMMENT = re.compile(rf"{_STRING}|//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"((?:{_STRING}|[\w.}}\]]){_SPACE}),(?={_SPACE}[}}\]])|{_STRING}")
_COMMA = re.compile(rf"{_SPACE},")
_BLANKS = re.compile(r"[ \t]*")
_LINE_END = re.compile(r"[ \t]*\r?\n")
_INDENT = re.compile(r"^([ \t]+)(?=\S)", re.MULTILINE)
_CLOSING = {"{": "}", "[": "]"}
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Part:
    """A value in the text, with its members.

    Attributes:
        key: Its name or index.
        name_start: Start of its name, or of the value if it has none.
        start: Start of the value.
        end: End of the value.
        parts: The members of an object or list.
    """

    key: Key
    name_start: int
    start: int
    end: int
    parts: tuple[_Part, ...] = ()

    def find(self, *path: Key) -> _Part | None:
        """The part at a path; the last one of duplicates, like parsers."""
        part: _Part | None = self
        for key in path:
            part = next((p for p in reversed(part.parts) if p.key == key), None) if part else None
        return part


class JsonDocument(ConfigDocument):
    """A JSON text. A blank one counts as an empty object."""

    def __init__(self, text: str) -> None:
        super().__init__(text if text.strip() else "{}\n")
        indent = _INDENT.search(self.text)
        self._unit = indent[1] if indent else "  "

    @override
    def check_names(self, *path: str) -> None:
        for depth, key in enumerate(path):
            self._check_once(self.root.find(*path[:depth]), key)
        inside = [self.root.find(*path)]
        for part in inside:
            self._check_once(part)
            inside += part.parts if part else ()

    @override
    def set(self, *path: Key, value: object) -> None:
        part = self.root
        for depth, key in enumerate(path):
            opening, kind = ("[", "a list") if isinstance(key, int) else ("{", "an object")
            if self.text[part.start] != opening:
                where = ".".join(map(str, path[:depth])) or "the whole file"
                raise BadInputError(f"{where} must be {kind}; nothing was changed")
            if (inner := part.find(key)) is None:
                for missing in reversed(path[depth + 1 :]):
                    value = [value] if isinstance(missing, int) else {missing: value}
                self._insert(part, "" if opening == "[" else f"{json.dumps(key)}: ", value)
                return
            part = inner
        self._splice((part.start, part.end, self._rendered(value, self._indent_at(part.start))))

    @override
    def remove(self, *path: Key) -> None:
        parent, part = self.root.find(*path[:-1]), self.root.find(*path)
        if parent is None or part is None:
            return
        self._splice(*self._cuts(parent, part))
        parent = self.root.find(*path[:-1])
        if parent and not self.text[parent.start + 1 : parent.end - 1].strip():
            self._splice((parent.start + 1, parent.end - 1, ""))

    @override
    def restore(self, older: str, *path: str) -> None:
        self.set(*path, value=None)
        source, place = JsonDocument(older).root.find(*path), self.root.find(*path)
        if source and place:
            self._splice((place.start, place.end, older[source.start : source.end]))

    @property
    def root(self) -> _Part:
        """The whole value, with the position of everything in it."""
        if self._root is None:
            start = _behind_space(self._strict, 0)
            try:
                self._root = _scan(self._strict, 0, start, start)
            except RecursionError as error:
                raise BadInputError("this file is nested too deeply to be edited") from error
        return self._root

    @override
    def _parse(self, text: str) -> object:
        self._root: _Part | None = None
        self._bare = self._strict = text
        try:
            return _loads(text)
        except MalformedError:
            self._bare, self._strict = _blanked(text)
            return _loads(self._strict)

    def _splice(self, *pieces: tuple[int, int, str]) -> None:
        """Replace pieces of the text; at equal positions, the later piece comes first."""
        text = self.text
        for start, end, new in sorted(pieces, key=lambda piece: piece[0], reverse=True):
            text = text[:start] + new + text[end:]
        self.data, self.text = self._parse(text), text

    def _comma(self, part: _Part) -> int | None:
        comma = _COMMA.match(self._bare, part.end)
        return comma.end() - 1 if comma else None

    def _check_once(self, parent: _Part | None, key: Key | None = None) -> None:
        met: set[Key] = set()
        for part in parent.parts if parent else ():
            if part.key in met and key in {None, part.key}:
                before = self.text[: part.name_start]
                what = f"duplicate name {part.key!r}; hosts differ in which one they read"
                line, column = before.count("\n") + 1, part.name_start - before.rfind("\n")
                raise MalformedError(what, line, column)
            met.add(part.key)

    def _insert(self, parent: _Part, name: str, value: object) -> None:
        """Add a last member, on a line of its own unless the parent is on a single line."""
        last = parent.parts[-1] if parent.parts else None
        if last and "\n" not in self.text[parent.start : parent.end]:
            compact = json.dumps(value, ensure_ascii=False)
            self._splice((last.end, last.end, f", {name}{compact}"))
            return
        end = parent.start + len(self.text[parent.start : parent.end - 1].rstrip())
        indent = self._member_indent(parent)
        text = f"{self._newline}{indent}{name}{self._rendered(value, indent)}"
        if last and self._comma(last) is not None:
            text += ","
        if "\n" not in self.text[end : parent.end]:
            text += self._newline + self._indent_at(parent.start)
        comma = [(last.end, last.end, ",")] if last and self._comma(last) is None else []
        self._splice((end, end, text), *comma)

    def _cuts(self, parent: _Part, part: _Part) -> list[tuple[int, int, str]]:
        """What to cut for a member: also a comma, and its lines if nothing else is on them."""
        start, end, comma = part.name_start, part.end, self._comma(part)
        if comma is not None and self.text[end:comma].strip():  # a comment stands before the comma
            return [(start, end, ""), (comma, comma + 1, "")]
        end = end if comma is None else comma + 1
        line = self.text.rfind("\n", 0, start) + 1
        if (line_end := _LINE_END.match(self.text, end)) and not self.text[line:start].strip():
            start, end = line, line_end.end()
        elif comma is not None and (blanks := _BLANKS.match(self.text, end)):
            end = blanks.end()
        index = parent.parts.index(part)
        before = self._comma(parent.parts[index - 1]) if index and comma is None else None
        if before is None:
            return [(start, end, "")]
        if not self.text[before + 1 : start].strip(" \t"):
            return [(before, end, "")]
        return [(before, before + 1, ""), (start, end, "")]

    def _member_indent(self, parent: _Part) -> str:
        for part in parent.parts:
            if self.text.rfind("\n", 0, part.name_start) > parent.start:
                return self._indent_at(part.name_start)
        return self._indent_at(parent.start) + self._unit

    def _indent_at(self, position: int) -> str:
        blanks = _BLANKS.match(self.text, self.text.rfind("\n", 0, position) + 1, position)
        return blanks[0] if blanks else ""

    def _rendered(self, value: object, indent: str) -> str:
        text = json.dumps(value, indent=self._unit, ensure_ascii=False)
        return text.replace("\n", self._newline + indent)


def _blanked(text: str) -> tuple[str, str]:
    """The text with spaces for comments, and with spaces for comments and trailing commas."""
    bare = _COMMENT.sub(
        lambda found: found[0] if found[0][0] == '"' else re.sub(r"[^\r\n]", " ", found[0]), text
    )
    return bare, _TRAILING_COMMA.sub(lambda found: f"{found[1]} " if found[1] else found[0], bare)


def _loads(strict: str) -> object:
    def refuse(name: str) -> None:
        raise json.JSONDecodeError(f"{name} is not JSON", strict, strict.index(name))

    try:
        return json.loads(strict, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise MalformedError(error.msg, error.lineno, error.colno) from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise MalformedError(f"too large to be read: {error}", 1, 1) from error


def _scan(strict: str, key: Key, name: int, start: int) -> _Part:
    """The part that begins at a position of a valid text."""
    closing = _CLOSING.get(strict[start])
    if closing is None:
        return _Part(key, name, start, _decoded(strict, start)[1])
    parts: list[_Part] = []
    at = _behind_space(strict, start + 1)
    while strict[at] != closing:
        inner, begin = len(parts), at
        if closing == "}":
            inner, at = _decoded(strict, at)
            at = _behind_space(strict, strict.index(":", at) + 1)
        parts.append(_scan(strict, inner, begin, at))
        at = _behind_space(strict, parts[-1].end)
        if strict[at] == ",":
            at = _behind_space(strict, at + 1)
    return _Part(key, name, start, at + 1, tuple(parts))


def _decoded(strict: str, at: int) -> tuple[str, int]:
    """The value at a position (a string, where it matters), and where it ends."""
    return _DECODER.raw_decode(strict, at)


def _behind_space(strict: str, at: int) -> int:
    space = _SPACES.match(strict, at)
    return space.end() if space else at
