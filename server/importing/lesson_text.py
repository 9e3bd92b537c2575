"""Reads lessons in text: the items of lists in Markdown, and the lines of ACE's playbooks.

`export --format markdown` writes such lists. An item may go on in indented lines. What an item
stands under becomes part of its name: headings, a line before the list that ends in a colon, the
item around it. Whatever else is there is skipped, and can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from experience_store.errors import BadInputError
from experience_store.operations import MAX_NAME_CHARS, Add
from server.importing.lessons import Lessons, Skipped, lesson, says_nothing

_OWN_TITLE = re.compile(r"#\s+Experiences:\s+(?P<name>\S+)(?:\s+\(version \d+\))?\s*")
_ACE = re.compile(r"(?:[-*]\s+)?\[[\w-]+\]\s+helpful=\d+(?:\s+[a-z]+=\d+)+\s*::\s*(?P<line>\S.*)")
_ITEM = re.compile(
    r"(?:(?:[-*+•\u2013\u2014]|\(?\d+[.)])\s+(?:\[[ xX]\]\s+)?(?P<own>\[?G\d+\][.:]?\s+)?"
    r"|\[G?\d+\][.:]?\s+)(?P<line>\S.*)"
)
_HEADING = re.compile(r"(?P<marks>#{1,6})\s+(?P<text>.*)")
_UNDERLINE = re.compile(r"(?P<first>[=-])(?P=first)+")
_LEAD_IN = re.compile(r"(?:\*\*|__)[^*_]+(?:\*\*|__)|.+:(?:\*\*|__)?")
_BOLD_NAME = re.compile(
    r"(?:\*\*(?P<name>[^*]+?):?\*\*:?\s+(?:[-\u2013\u2014]\s)?|__(?P<other>[^_]+?)(?::__|__:|__\s+[-\u2013\u2014])\s)"
    r"\s*(?P<text>\S.*)"
)
_ORNAMENT = re.compile(r"[-*_=#\s]*")
_FENCES = ("```", "~~~")
_COMMENT = ("<!--", "-->")
_FRONT = "---"  # around the front matter that Agent Skills and rules of editors have
_MARKUP = ("</", "<!", "|", ">", "[", *_FENCES)  # which begins no heading
_ENDS = (".", "!", "?")
_AGENT = "The agent's work: "
_LEARNING = "What to get better at: "
_NONE_YET = "(none yet)"
_TITLE, _PARAGRAPH, _ITEMS = 1, 7, 8  # levels: headings have 1 to 6, items theirs and more


@dataclass(slots=True, eq=False)
class _Part:
    """A heading, a paragraph or an item of a list.

    Attributes:
        level: How deep it is: what follows with a higher level stands under it.
        line: Number of its first line.
        lines: Its text, line by line.
        under: What it stands under, from the outside in.
        is_used: Whether an item stands under it.
        is_beside_list: Whether a list follows in the next line.
    """

    level: int
    line: int
    lines: list[str]
    under: tuple[_Part, ...] = ()
    is_used: bool = False
    is_beside_list: bool = False

    @property
    def text(self) -> str:
        """Its text."""
        return " ".join(self.lines)

    @property
    def is_item(self) -> bool:
        """Whether it is an item of a list."""
        return self.level >= _ITEMS

    @property
    def is_lesson(self) -> bool:
        """Whether it says something of its own, and not only what the items under it are about."""
        is_label = self.is_used and not self.text.endswith(_ENDS)
        return self.is_item and not (is_label and len(self.label) <= MAX_NAME_CHARS)

    @property
    def label(self) -> str:
        """What the items under it have in their names."""
        named = _bold_name(self.text) if self.is_item else None
        return named[0] if named else self.text.strip(" *_:<>")

    @property
    def is_label(self) -> bool:
        """Whether what follows is about it: not a paragraph that leads to nothing."""
        is_line = self.is_beside_list and len(self.text) <= MAX_NAME_CHARS
        is_other = self.text.startswith(_MARKUP) or self.text.endswith(_ENDS)
        leads = (is_line and not is_other) or _LEAD_IN.fullmatch(self.text)
        return self.level != _PARAGRAPH or bool(leads)


def read_lesson_text(text: str) -> Lessons:
    """The lessons in a text.

    Raises:
        BadInputError: If it has none; says how to write them.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    has_front_matter = _FRONT in (line.strip() for line in lines[1:])
    reader = _Reader(has_front_matter=has_front_matter)
    for number, line in enumerate(lines, start=1):
        reader.take(number, line)
    if not any(part.is_item for part in reader.parts):
        raise BadInputError(
            "has no experiences: write each as an item of a list, such as "
            "'- Name: When [condition], [strategy].'"
        )
    title = _title(reader.parts)
    return Lessons(
        additions=tuple(_lesson(part, title) for part in reader.parts if part.is_lesson),
        skipped=tuple(_skipped(reader.parts, title)),
        left_out=(("helpful and harmful", reader.counted),) if reader.counted else (),
        library=_first(lines, lambda line: (m := _OWN_TITLE.fullmatch(line)) and m["name"]),
        agent_objective=_first(lines, lambda line: _without_prefix(_AGENT, line)),
        learning_objective=_first(lines, lambda line: _without_prefix(_LEARNING, line)),
    )


class _Reader:
    """Reads a text, line by line, into its parts."""

    def __init__(self, *, has_front_matter: bool) -> None:
        self._has_front_matter = has_front_matter
        self.parts: list[_Part] = []
        self.counted = 0  # lessons with the counts of a playbook
        self._open: list[_Part] = []  # what the next line may stand under
        self._last: _Part | None = None  # what the next line may go on with
        self._gap = False  # whether the line before was blank
        self._until = ""  # the mark that ends a block of code, or a front matter

    def take(self, number: int, whole: str) -> None:
        """Read the next line."""
        line = whole.strip()
        indent = len(whole.expandtabs(4)) - len(whole.expandtabs(4).lstrip())
        if self._until:
            self._go_on(line)
            if self._until in line if self._until == _COMMENT[1] else line.startswith(self._until):
                self._until, self._last = "", self._last if self._until != _FRONT else None
        elif number == 1 and line == _FRONT and self._has_front_matter:
            self._until = line
            self._add(_PARAGRAPH, number, line)
        elif not line or _is_own(line):
            self._gap = True
        elif line.startswith(_COMMENT[0]):
            self._until = "" if _COMMENT[1] in line else _COMMENT[1]
            self._add(_PARAGRAPH, number, line)
        elif line.startswith(_FENCES):
            self._until = line[:3]
            self._text(number, line, indent)
        elif self._is_structure(number, line, indent):
            self._gap = False
        else:
            self._text(number, line, indent)

    def _is_structure(self, number: int, line: str, indent: int) -> bool:
        """Whether the line is an item, a heading or an ornament; if so, it is taken."""
        if match := _ACE.fullmatch(line) or _ITEM.fullmatch(line):
            self.counted += match.re is _ACE
            own = match.re is _ITEM and match["own"]
            if self._last is not None:
                self._last.is_beside_list = not self._gap
            self._add(_ITEMS + indent, number, match["line"], () if own else None)
        elif match := _HEADING.fullmatch(line):
            self._add(len(match["marks"]), number, match["text"].rstrip(" #"))
            self._last = None
        elif match := _UNDERLINE.fullmatch(line):
            if self._last in self.parts[-1:] and not self._gap:
                self._underline(1 if match["first"] == "=" else 2)
            self._last = None
        elif _ORNAMENT.fullmatch(line):
            self._last = None
        else:
            return False
        return True

    def _underline(self, level: int) -> None:
        """Make the paragraph before this line a heading."""
        part = self.parts[-1]
        if part.level == _PARAGRAPH:
            self.parts.pop()
            self._add(level, part.line, part.text)

    def _text(self, number: int, line: str, indent: int) -> None:
        """A line of text: the next one of the item or paragraph before, or a paragraph's first."""
        last = self._last
        if last is not None and last.is_item:
            deeper = indent > last.level - _ITEMS
            amid = not last.lines[-1].endswith(_ENDS) and line[0].islower()
            goes_on = deeper or (amid and not self._gap)
        else:
            goes_on = last is not None and not self._gap
        if goes_on:
            self._go_on(line)
        else:
            self._add(_PARAGRAPH, number, line)
        self._gap = False

    def _go_on(self, line: str) -> None:
        assert self._last is not None, "there is something to go on with"
        self._last.lines.append(line)

    def _add(
        self, level: int, line: int, text: str, under: tuple[_Part, ...] | None = None
    ) -> None:
        while self._open and self._open[-1].level >= level:
            self._open.pop()
        around = tuple(p for p in self._open if p.is_label) if under is None else under
        part = _Part(level, line, [text], around)
        if part.is_item:
            for outer in around:
                outer.is_used = True
        self._open.append(part)
        self.parts.append(part)
        self._last = part


def _lesson(part: _Part, title: _Part | None) -> Add:
    """The item as a lesson, with what it stands under in its name."""
    context = [p.label for p in part.under if _is_kept(p, part, title)]
    if (bold := _bold_name(part.text)) is not None:
        return lesson(bold[1], bold[0], context)
    return lesson(part.text, context=context)


def _bold_name(text: str) -> tuple[str, str] | None:
    """The name and the text of an item whose name is bold."""
    match = _BOLD_NAME.fullmatch(text)
    return (match["name"] or match["other"], match["text"]) if match else None


def _is_kept(outer: _Part, part: _Part, title: _Part | None) -> bool:
    """Whether a name has room for this: the title of the whole only if nothing else is there."""
    if says_nothing(outer.label):
        return False
    headings = [p for p in part.under if not p.is_item and not says_nothing(p.label)]
    return outer is not title or headings == [title]


def _title(parts: list[_Part]) -> _Part | None:
    """The heading of the whole text, if it has a single one."""
    titles = [part for part in parts if part.level == _TITLE]
    return titles[0] if len(titles) == 1 else None


def _skipped(parts: list[_Part], title: _Part | None) -> Iterator[Skipped]:
    """What no lesson has in its name or text."""
    kept = {p for part in parts if part.is_lesson for p in part.under if _is_kept(p, part, title)}
    for part in parts:
        if not part.is_lesson and part not in kept:
            yield Skipped(f"line {part.line}", part.text)


def _is_own(line: str) -> bool:
    """Whether this is a line that `export` writes beside the lessons."""
    return line.startswith((_AGENT, _LEARNING, _NONE_YET)) or bool(_OWN_TITLE.fullmatch(line))


def _without_prefix(prefix: str, line: str) -> str | None:
    return line.removeprefix(prefix) if line.startswith(prefix) else None


def _first(lines: list[str], find: Callable[[str], str | None]) -> str | None:
    return next((found for line in lines if (found := find(line.strip()))), None)
