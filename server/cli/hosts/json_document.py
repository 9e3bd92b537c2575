"""JSON, with or without comments, changed in single places."""

from __future__ import annotations

import json
import re
from typing import Self

from experience_store.errors import BadInputError
from server.cli.hosts.jsonc import Member, Node, malformed, parse
from server.cli.hosts.plain import Key, at_path

_LINE_END = re.compile(r"[ \t]*\r?\n")
_SPACE = re.compile(r"[ \t]*")
_INDENT = re.compile(r"^([ \t]+)(?=\S)", re.MULTILINE)


class JsonDocument:
    """A JSON text. A blank one counts as an empty object."""

    def __init__(self, text: str) -> None:
        self._text = text if text.strip() else "{}\n"
        self._root = parse(self._text)
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        indent = _INDENT.search(self._text)
        self._unit = indent[1] if indent else "  "

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self._text

    def get(self, *path: Key) -> object | None:
        """The value at a path, None if there is none."""
        return at_path(self._root.value, path)

    def check_names(self, *path: str) -> None:
        """Nothing, if each name on the way to a value and in it stands there once."""
        node: Node | None = self._root
        for key in path:
            if node:
                self._check_once(node, [key])
            node = self._find((key,), node) if node else None
        inside = [node] if node else []
        while inside:
            node = inside.pop()
            self._check_once(node, [member.key for member in node.members or ()])
            inside += [member.node for member in node.members or ()]

    def set(self, *path: str, value: object) -> None:
        """Put a value at a path, and make what is missing on the way."""
        node, rest = self._deepest(path)
        if not rest:
            self._splice(node.start, node.end, self._rendered(value, self._indent_at(node.start)))
            return
        for key in reversed(rest[1:]):
            value = {key: value}
        self._insert(node, value, f"{json.dumps(rest[0])}: ")

    def append(self, *path: str, value: object) -> None:
        """Add a value to the list at a path."""
        node, rest = self._deepest(path)
        if rest:
            self.set(*path, value=[value])
        else:
            self._insert(node, value)

    def remove(self, *path: Key) -> None:
        """Take out what is at a path, if there is something."""
        parent = self._find(path[:-1])
        member = parent.member(path[-1]) if parent else None
        if parent is None or member is None:
            return
        members = parent.members or ()
        place = members.index(member)
        comma_before = members[place - 1].comma if place and member.comma is None else None
        comma = member.comma
        if comma is not None and self._text[member.node.end : comma].strip():
            self._splice(comma, comma + 1, "", final=False)  # a comment stands before it
            self._splice(member.start, member.node.end, "")
            return
        start, end = self._span(member)
        if comma_before is not None and not self._text[comma_before + 1 : start].strip(" \t"):
            self._splice(comma_before, end, "")
            return
        self._splice(start, end, "", final=comma_before is None)
        if comma_before is not None:
            self._splice(comma_before, comma_before + 1, "")
        parent = self._find(path[:-1])
        if parent and not self._text[parent.start + 1 : parent.end - 1].strip():
            self._splice(parent.start + 1, parent.end - 1, "")

    def take_from(self, older: Self, *path: str) -> None:
        """Put at a path what an older text has there, as it was written."""
        source = older._find(path)
        target = self._find(path)
        if source is None:
            self.remove(*path)
            return
        if target is None:
            self.set(*path, value=None)
            target = self._find(path)
        assert target, "it was just set"
        self._splice(target.start, target.end, older.text[source.start : source.end])

    def _check_once(self, node: Node, names: list[Key]) -> None:
        met: set[Key] = set()
        for member in node.members or ():
            if member.key in met and member.key in names:
                what = f"{member.key!r} stands there twice, and hosts differ in which they read"
                raise malformed(what, self._text, member.start)
            met.add(member.key)

    def _find(self, path: tuple[Key, ...], node: Node | None = None) -> Node | None:
        node = node or self._root
        for key in path:
            member = node.member(key) if node else None
            node = member.node if member else None
        return node

    def _deepest(self, path: tuple[str, ...]) -> tuple[Node, tuple[str, ...]]:
        """The last node on the path that there is, and what is missing behind it."""
        node = self._root
        for number, key in enumerate(path):
            if not isinstance(node.value, dict):
                where = ".".join(path[:number])
                raise BadInputError(f"{where or 'the whole file'} should be an object in {{ }}")
            member = node.member(key)
            if member is None:
                return node, path[number:]
            node = member.node
        return node, ()

    def _insert(self, node: Node, value: object, name: str = "") -> None:
        """Put a member behind the last one, on a line of its own unless the object is one line."""
        last = node.members[-1] if node.members else None
        if last and "\n" not in self._text[node.start : node.end]:
            compact = json.dumps(value, ensure_ascii=False)
            self._splice(last.node.end, last.node.end, f", {name}{compact}")
            return
        indent = self._member_indent(node)
        inner = self._text[node.start + 1 : node.end - 1]
        at = node.start + 1 + len(inner.rstrip())
        comma_behind = "," if last and last.comma is not None else ""
        text = f"{self._newline}{indent}{name}{self._rendered(value, indent)}{comma_behind}"
        if "\n" not in inner[len(inner.rstrip()) :]:
            text += self._newline + self._indent_at(node.start)
        if last is None or last.comma is not None:
            self._splice(at, at, text)
        else:
            self._splice(at, at, text, final=False)
            self._splice(last.node.end, last.node.end, ",")

    def _span(self, member: Member) -> tuple[int, int]:
        """What goes with a member: its comma, and its lines if nothing else is on them."""
        start = member.start
        end = member.node.end if member.comma is None else member.comma + 1
        line_start = self._text.rfind("\n", 0, start) + 1
        line_end = _LINE_END.match(self._text, end)
        if line_end and not self._text[line_start:start].strip():
            return line_start, line_end.end()
        space = _SPACE.match(self._text, end)
        return start, space.end() if space and member.comma is not None else end

    def _member_indent(self, node: Node) -> str:
        for member in node.members or ():
            line_start = self._text.rfind("\n", 0, member.start) + 1
            if line_start > node.start:
                return self._indent_at(member.start)
        return self._indent_at(node.start) + self._unit

    def _indent_at(self, position: int) -> str:
        line = self._text[self._text.rfind("\n", 0, position) + 1 : position]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _rendered(self, value: object, indent: str) -> str:
        text = json.dumps(value, indent=self._unit, ensure_ascii=False)
        return text.replace("\n", self._newline + indent)

    def _splice(self, start: int, end: int, text: str, *, final: bool = True) -> None:
        """Replace a piece of the text; `final` unless the text is whole only after another."""
        self._text = self._text[:start] + text + self._text[end:]
        if final:
            self._root = parse(self._text)
