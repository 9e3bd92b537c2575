r"""Where in an agent's last words its answer stands.

In this order: the last `<answer>…</answer>`; the last `\boxed{…}`; what follows the last
"answer:" or "answer is" up to the end of its line, or the next line if nothing follows. What was
found is looked through in the same way: `<answer>\boxed{5}</answer>` is 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Place: TypeAlias = Literal["tags", "boxed", "line"]
_TAGS = re.compile(r"<answer>((?:(?!<answer>).)*)</answer>", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LINE = re.compile(
    r"\banswer\b[*_`]*[ \t]*(?:(?:is|was)[ \t]*:?|[:=])[*_`]*[ \t]*(?:\n\s*)?([^\n]*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """An answer and where it stood."""

    text: str
    place: Place


def find_answer(text: str) -> Found | None:
    """The answer that is marked as such; None where none is."""
    found = _in_tags(text) or _in_box(text) or _in_line(text)
    if found is None:
        return None
    return find_answer(found.text) or found


def final_answer(text: str) -> str:
    """The answer that is marked as such, or else the whole text."""
    found = find_answer(text)
    return found.text if found else text.strip()


def answer_in_tags(text: str) -> str | None:
    """What stands in the last `<answer>` tags."""
    found = _in_tags(text)
    return found.text if found else None


def _in_tags(text: str) -> Found | None:
    if "</answer>" not in text.lower():
        return None
    matches = _TAGS.findall(text)
    return Found(matches[-1].strip(), "tags") if matches else None


def _in_box(text: str) -> Found | None:
    """The last box that is closed."""
    for match in reversed(list(_BOXED.finditer(text))):
        end = _closing(text, match.end())
        if end is not None:
            return Found(text[match.end() : end].strip(), "boxed")
    return None


def _closing(text: str, start: int) -> int | None:
    """Where the brace closes that was opened before `start`."""
    depth, escaped = 1, False
    for position in range(start, min(len(text), start + 10_000)):
        character = text[position]
        if escaped or character == "\\":
            escaped = not escaped
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return position
    return None


def _in_line(text: str) -> Found | None:
    matches = [m[1].strip() for m in _LINE.finditer(text)]
    last = next((m for m in reversed(matches) if m), None)
    return Found(last, "line") if last else None
