"""Reads JSON with comments and trailing commas, and keeps where everything stands.

Hosts' files belong to their users: comments, order and spacing stay as they are. So a change is
made in the text, at the positions found here, and never by writing the whole value again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from experience_store.errors import BadInputError
from server.cli.hosts.plain import Key

_BETWEEN = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true\b|false\b|null\b'
)
_CLOSING = {"{": "}", "[": "]"}


class MalformedError(BadInputError):
    """A file is not what its format asks for."""

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {what}")

    def of(self, file: str) -> MalformedError:
        """The same error, with the file's name."""
        error = MalformedError("", 0, 0)
        error.args = (f"{file}, {self}. Nothing was changed; mend it, or add the entry by hand",)
        return error


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: `text[start:end]`. `members` is None for a scalar."""

    start: int
    end: int
    value: object
    members: tuple[Member, ...] | None = None

    def member(self, key: Key) -> Member | None:
        """The member of a name or index; the last one, as readers take it."""
        return next((m for m in reversed(self.members or ()) if m.key == key), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A value in an object or array: it begins with its name; `comma` is where its comma is."""

    key: Key
    start: int
    node: Node
    comma: int | None


def parse(text: str) -> Node:
    """The value of a whole text; MalformedError with the position if there is none."""
    try:
        return _Reader(text).document()
    except RecursionError as error:
        raise MalformedError("nested too deeply", 1, 1) from error


def malformed(what: str, text: str, at: int) -> MalformedError:
    """The error about a place in a text."""
    before = text[:at]
    return MalformedError(what, before.count("\n") + 1, at - before.rfind("\n"))


class _Reader:
    """A recursive descent through the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> Node:
        self._skip()
        node = self._value()
        self._skip()
        if self._at < len(self._text):
            raise self._error("something follows the value")
        return node

    def _value(self) -> Node:
        character = self._text[self._at : self._at + 1]
        if character in _CLOSING and character:
            return self._container(character)
        start = self._at
        value = self._scalar("a value")
        return Node(start, self._at, value)

    def _scalar(self, wanted: str) -> object:
        found = _SCALAR.match(self._text, self._at)
        if found is None:
            raise self._error(f"{wanted} is expected")
        try:
            value: object = json.loads(found[0])
        except ValueError as error:
            raise self._error("this text cannot be read") from error
        self._at = found.end()
        return value

    def _container(self, opening: str) -> Node:
        start = self._at
        closing = _CLOSING[opening]
        self._at += 1
        members: list[Member] = []
        self._skip()
        while not self._text.startswith(closing, self._at):
            if members and members[-1].comma is None:
                raise self._error(f"a comma or {closing!r} is expected")
            members.append(self._member(opening, len(members)))
        self._at += 1
        value: object = [m.node.value for m in members]
        if opening == "{":
            value = {m.key: m.node.value for m in members}
        return Node(start, self._at, value, tuple(members))

    def _member(self, opening: str, index: int) -> Member:
        start, key = self._at, index if opening == "[" else self._name()
        node = self._value()
        self._skip()
        comma = self._at if self._text.startswith(",", self._at) else None
        if comma is not None:
            self._at += 1
            self._skip()
        return Member(key, start, node, comma)

    def _name(self) -> str:
        start = self._at
        name = self._scalar("a name in double quotes")
        if not isinstance(name, str):
            self._at = start
            raise self._error("a name in double quotes is expected")
        self._skip()
        if not self._text.startswith(":", self._at):
            raise self._error("a colon is expected")
        self._at += 1
        self._skip()
        return name

    def _skip(self) -> None:
        between = _BETWEEN.match(self._text, self._at)
        assert between, "it matches nothing, too"
        self._at = between.end()

    def _error(self, what: str) -> MalformedError:
        return malformed(what, self._text, self._at)
