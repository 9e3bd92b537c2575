r"""Where in an agent's last words its answer stands.

In this order: the last `<answer>…</answer>`; the last `\boxed{…}`; the last `"answer": …` of a JSON
object; what follows the last "answer:", "answer is" (also in other languages) or `####` up to the
end of its line, or the next line if nothing follows. What was found is looked through in the same
way: `<answer>\boxed{5}</answer>` is 5. What such a line says without the words around it is in
`answer_wording`.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from server.practice.verifiers import answer_words as words

MAX_UNCLOSED = 200  # characters of an answer in tags that are not closed
MAX_NESTED = 8  # marks within marks
MAX_SEARCHED = 20_000  # characters at the end of a text in which an unmarked answer is looked for

_TAG = re.compile(r"<(?P<end>/?)(?P<name>(?:final_)?answer)>", re.IGNORECASE)
_CLOSED = re.compile(r"</\w+>")
_BOXED = re.compile(r"(?:\\fbox|\\?\bboxed)\s*\{|\\boxed\s*(?=\w)")
_BETWEEN_BOXES = re.compile(r"[\s$.,;]*(?:and|or)?[\s$]*(?:[a-zA-Z]\s*=)?[\s$]*", re.IGNORECASE)
_KEY = re.compile(r"""["'](?:final[ _-]?)?answer["']\s*:\s*""", re.IGNORECASE)


@lru_cache(maxsize=4)  # one answer is read in several ways
def find_answer(text: str) -> str | None:
    """The answer that is marked as such; None where none is."""
    found = None
    for _ in range(MAX_NESTED):
        inner = answer_in_tags(text) or _in_box(text) or _in_json(text) or _in_line(text)
        if inner is None:
            break
        found = text = inner
    return found


def final_answer(text: str) -> str:
    """The answer that is marked as such, or else the whole text."""
    return find_answer(text) or text.strip()


def answer_in_tags(text: str) -> str | None:
    """What stands in the last `<answer>` tags."""
    opened: dict[str, int] = {}
    found: tuple[int, int] | None = None
    for tag in _TAG.finditer(text):
        name = tag["name"].lower()
        if not tag["end"]:
            opened[name] = tag.end()
        elif name in opened:
            found = (opened.pop(name), tag.start())
    if found is None and opened:  # cut at the end mark, as by a stop sequence
        start = max(opened.values())
        found = (start, len(text)) if len(text) - start <= MAX_UNCLOSED else None
    return _with_second_thoughts(text[slice(*found)].strip(), text, found[1]) if found else None


def _in_box(text: str) -> str | None:
    """The last box that is closed, with those before it that it is listed with."""
    said: list[str] = []
    after: int | None = None
    last = 0
    for match in reversed(list(_BOXED.finditer(text))):
        braced = match[0].endswith("{")  # or else \boxed4
        end = _closing(text, match.end()) if braced else match.end() + 1
        if end is None:
            continue
        if after is not None and not _BETWEEN_BOXES.fullmatch(text[end + 1 : after]):
            break
        said.insert(0, text[match.end() : end].strip())
        after, last = match.start(), max(last, end + braced)
    return _with_second_thoughts(", ".join(said), text, last) if said else None


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


def _in_json(text: str) -> str | None:
    keys = list(_KEY.finditer(text))
    if not keys:
        return None
    start = keys[-1].end()
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        said = re.split(r"[,}\n]", text[start:], maxsplit=1)[0].strip(" \"'")
        return said or None
    said = value if isinstance(value, str) else text[start:end]
    return said.strip() or None


def _with_second_thoughts(said: str, text: str, end: int) -> str:
    """An answer with what follows it, if that takes it back."""
    if closed := _CLOSED.match(text, end):
        end = closed.end()
    later = words.TAKEN_BACK_LATER.match(text, end)
    return f"{said}. {later[0].strip()[:MAX_SEARCHED]}" if later else said


def _in_line(text: str) -> str | None:
    lines = [
        _said(match)
        for match in words.ANSWER_LINE.finditer(text)
        if not words.SUPPOSES.search(text, max(0, match.start() - MAX_UNCLOSED), match.start())
    ]
    said = [line for line in lines if line.strip(" |")]
    said = said or [m["said"] for m in words.HASHES.finditer(text)]
    said = said or [m["said"].strip() for m in words.IS_THE_ANSWER.finditer(text[-MAX_SEARCHED:])]
    return said[-1] if said else None


def _said(line: re.Match[str]) -> str:
    said = line["said"].strip().rstrip("!")  # not a factorial
    head = line.string[line.string.rfind("\n", 0, line.start()) + 1 : line.start()]
    if head.count("*") % 2:  # emphasis that goes on to the end of the line
        said = re.sub(r"\*(?=\.?$)", "", said)
    said = _with_second_thoughts(said, line.string, line.end())
    denied = line["not"] or line["no"] or words.DENIES_VERB.search(line["lead"] or "")
    return f"not {said}" if denied else said
