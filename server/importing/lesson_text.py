"""Reads lessons in text: the items of lists in Markdown, and the lines of ACE's playbooks.

`export --format markdown` writes such lists. An item may go on in indented lines; what stands
between items is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from experience_store.errors import BadInputError
from server.importing.lessons import Lessons, Skipped, lesson

_HEADING = re.compile(r"#\s+Experiences:\s+(?P<name>\S+)(?:\s+\(version \d+\))?\s*")
_ACE = re.compile(r"(?:[-*]\s+)?\[[\w-]+\]\s+helpful=\d+\s+harmful=\d+\s*::\s*(?P<line>\S.*)")
_ITEM = re.compile(
    r"(?:(?:[-*+•]|\(?\d+[.)])\s+(?:\[[ xX]\]\s+)?(?:\[?G\d+\][.:]?\s+)?|\[G?\d+\][.:]?\s+)"
    r"(?P<line>\S.*)"
)
_BOLD_NAME = re.compile(r"(\*\*|__)(?P<name>[^*_]+?):?\1:?\s+-?\s*(?P<text>\S.*)")
_ORNAMENT = re.compile(r"[-*_=#\s]*")
_AGENT = "The agent's work: "
_LEARNING = "What to get better at: "
_NONE_YET = "(none yet)"


def read_lesson_text(text: str) -> Lessons:
    """The lessons in a text.

    Raises:
        BadInputError: If it has none; says how to write them.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    items, skipped = _split(lines)
    if not items:
        raise BadInputError(
            "has no experiences: write each as an item of a list, such as "
            "'- Name: When [condition], [strategy].'"
        )
    stripped = [line.strip() for line in lines]
    heading = _first(stripped, lambda line: (m := _HEADING.fullmatch(line)) and m["name"])
    return Lessons(
        additions=tuple(lesson(_plain(item)) for item in items),
        skipped=tuple(skipped),
        library=heading,
        agent_objective=_first(stripped, lambda line: _without_prefix(_AGENT, line)),
        learning_objective=_first(stripped, lambda line: _without_prefix(_LEARNING, line)),
    )


def _split(lines: list[str]) -> tuple[list[str], list[Skipped]]:
    """The items of lists, and the paragraphs between them."""
    items: list[str] = []
    skipped: list[Skipped] = []
    within = ""  # an item, a paragraph, or neither
    start = _after_front_matter(lines)
    for number, whole in enumerate(lines[start:], start=start + 1):
        line = whole.strip()
        if match := _ACE.fullmatch(line) or _ITEM.fullmatch(line):
            items.append(match["line"])
            within = "item"
        elif within == "item" and _goes_on(items[-1], whole):
            items[-1] += f" {line}"
        elif _is_known(line):
            within = ""
        elif within == "paragraph":
            skipped[-1] = Skipped(skipped[-1].place, f"{skipped[-1].text} {line}")
        else:
            skipped.append(Skipped(f"line {number}", line))
            within = "paragraph"
    return items, skipped


def _goes_on(item: str, line: str) -> bool:
    """Whether a line belongs to the item before it: indented, or amid its sentence."""
    if not line.strip():
        return False
    return line[0].isspace() or (not item.endswith((".", "!", "?")) and line[0].islower())


def _after_front_matter(lines: list[str]) -> int:
    """The number of lines that a YAML front matter, as Agent Skills have it, takes."""
    if not lines or lines[0].strip() != "---":
        return 0
    end = (n for n, line in enumerate(lines[1:], start=1) if line.strip() == "---")
    return next(end, -1) + 1


def _plain(item: str) -> str:
    """The item with a bold name as `Name: text`."""
    match = _BOLD_NAME.fullmatch(item)
    return f"{match['name']}: {match['text']}" if match else item


def _is_known(line: str) -> bool:
    return line.startswith(("#", _AGENT, _LEARNING, _NONE_YET)) or bool(_ORNAMENT.fullmatch(line))


def _without_prefix(prefix: str, line: str) -> str | None:
    return line.removeprefix(prefix) if line.startswith(prefix) else None


def _first(lines: list[str], find: Callable[[str], str | None]) -> str | None:
    return next((found for line in lines if (found := find(line))), None)
