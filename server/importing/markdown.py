"""Reads a library in Markdown, as `export --format markdown` writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from experience_store.errors import BadInputError
from experience_store.operations import MAX_NAME_CHARS, Add

_HEADING = re.compile(r"#\s+Experiences:\s+(?P<name>\S+)(?:\s+\(version \d+\))?\s*")
_ITEM = re.compile(r"[-*]\s+(?:\[G\d+\]\s+)?(?P<line>\S.*)")
_AGENT = "The agent's work: "
_LEARNING = "What to get better at: "


@dataclass(frozen=True, slots=True)
class MarkdownLibrary:
    """The contents of the file. `additions` are its experiences, in order."""

    library: str | None
    agent_objective: str | None
    learning_objective: str | None
    additions: tuple[Add, ...]


def read_markdown(text: str) -> MarkdownLibrary:
    """Read a library in Markdown.

    Raises:
        BadInputError: If it has no experiences, or a line is invalid.
    """
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    additions: list[Add] = []
    for number, line in enumerate(lines, start=1):
        if match := _ITEM.fullmatch(line):
            additions.append(_addition(match["line"]))
        elif not _is_known(line):
            raise BadInputError(
                f"line {number} is invalid: write each experience in one line, as "
                "'- [G1] Name: text'"
            )
    if not additions:
        raise BadInputError("it has no experiences: write each in one line, as '- [G1] Name: text'")
    heading = _first(lines, lambda line: (m := _HEADING.fullmatch(line)) and m["name"])
    return MarkdownLibrary(
        library=heading,
        agent_objective=_first(lines, lambda line: _without_prefix(_AGENT, line)),
        learning_objective=_first(lines, lambda line: _without_prefix(_LEARNING, line)),
        additions=tuple(additions),
    )


def _addition(line: str) -> Add:
    """An experience; the text before the first colon is its name, unless it is too long."""
    name, colon, text = line.partition(": ")
    if colon and text.strip() and len(name) <= MAX_NAME_CHARS:
        return Add(name.strip(), text.strip())
    return Add("", line.strip())


def _is_known(line: str) -> bool:
    return not line or line.startswith(("#", _AGENT, _LEARNING, "(none yet)"))


def _without_prefix(prefix: str, line: str) -> str | None:
    return line.removeprefix(prefix) if line.startswith(prefix) else None


def _first(lines: list[str], find: Callable[[str], str | None]) -> str | None:
    return next((found for line in lines if (found := find(line))), None)
