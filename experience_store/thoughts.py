"""A model's thoughts, told apart from its answer.

Reasoning models write their thoughts before the answer. Where a server has no parser for them, they
arrive as part of the text, between marks that differ from model to model; and where the chat
template writes the first mark itself, only the last one arrives.
"""

from __future__ import annotations

import re

# <think>, </thinking>, [THINK], <seed:think>, <|begin_of_thought|>, <|START_THINKING|>, ◁think▷ …
_WORD = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|scratchpad|reflection)"
_NAME = rf"(?:\w+[:_])*{_WORD}(?:[:_]\w+)*"
_BEGIN = (
    rf"<{_NAME}>|\[{_WORD}\]|◁{_WORD}▷|<\|(?:begin_of_|start_)?{_WORD}\|>"
    rf"|<\|channel>{_WORD}\b|<unused94>(?:thought)?|<\|inner_prefix\|>"
)
_END = (
    rf"</{_NAME}>|\[/{_WORD}\]|◁/{_WORD}▷|<\|(?:/|end_of_|end_){_WORD}\|>"
    r"|<channel\|>|<unused95>|<\|inner_suffix\|>"
)
_MARK = re.compile(rf"(?P<end>{_END})|(?P<begin>{_BEGIN})", re.IGNORECASE)
_MARK_OR_CODE = re.compile(
    rf"(?P<code>```.*?```|`[^`\n]+`)|{_MARK.pattern}", re.IGNORECASE | re.DOTALL
)

# The channels of OpenAI's open models, also where a server has dropped the special tokens.
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)(?:[^<\n]*<\|message\|>)?(?P<text>.*?)"
    r"(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
_BARE_CHANNEL = re.compile(r"\s*analysis(?P<thoughts>.*?)assistant\s*final(?P<text>.*)", re.DOTALL)
_FINAL = "final"

# Granite says in words what others mark, or wraps the answer in a tag behind its thoughts.
_IN_WORDS = re.compile(
    r"\s*Here(?: is|'s) my thought process:(?P<thoughts>.*?)"
    r"(?:Here(?: is|'s) my response:(?P<text>.*)|\Z)",
    re.DOTALL,
)
_RESPONSE = re.compile(r"\s*<response>(?P<text>.*?)(?:</response>)?\s*", re.DOTALL)

_OPENINGS = ("analysis", "Here is my thought process:", "Here's my thought process:")

_NOTHING_ELSE = re.compile(r"\s*\Z")

# Tokens around an answer that are no part of it.
_AROUND = re.compile(
    r"<\|im_start\|>assistant\b"
    r"|<\|(?:im_end|im_start|im_sep|end|end_of_text|endoftext|eot_id|return|end_of_solution"
    r"|begin_of_solution|start_response|end_response|begin_of_box|end_of_box)\|>"
    r"|<\uff5c[^<>\uff5c]{1,40}\uff5c>|<end_of_turn>|</s>\s*\Z",
    re.IGNORECASE,
)


def without_thoughts(text: str) -> str:
    """The answer in what a model wrote; empty if it wrote nothing but thoughts."""
    return split_thoughts(text)[1]


def split_thoughts(text: str) -> tuple[str, str]:
    """The thoughts in what a model wrote, and its answer; either may be empty.

    Thoughts stand between a mark that begins them and one that ends them. What stands before an
    end mark without a beginning is thoughts, and so is what follows a mark at the beginning of a
    line that is never ended. Marks within code are no marks.
    """
    if not any(sign in text for sign in "<[◁") and not text.lstrip().startswith(_OPENINGS):
        return "", text  # the common case
    thoughts, answer = _channels(text) or _in_words(text) or _marked(text)
    if not thoughts and answer == text:
        return "", text if _AROUND.search(text) is None else _bare(text)
    wrapped = _RESPONSE.fullmatch(answer)
    return thoughts, _bare(wrapped["text"] if wrapped else answer)


def _bare(answer: str) -> str:
    return _AROUND.sub("", answer).strip()


def _channels(text: str) -> tuple[str, str] | None:
    """Thoughts and answer of a text with channels; None if it has none."""
    found = list(_CHANNEL.finditer(text))
    if found:
        answers = [match["text"] for match in found if match["name"] == _FINAL]
        others = [match["text"] for match in found if match["name"] != _FINAL]
        others.insert(0, text[: found[0].start()])
        return _joined(others), answers[-1] if answers else ""
    if bare := _BARE_CHANNEL.fullmatch(text):
        return bare["thoughts"].strip(), bare["text"]
    return None


def _in_words(text: str) -> tuple[str, str] | None:
    found = _IN_WORDS.fullmatch(text)
    return (found["thoughts"].strip(), (found["text"] or "").strip()) if found else None


def _marked(text: str) -> tuple[str, str]:
    """Thoughts and answer of a text with marks."""
    thoughts: list[str] = []
    answer: list[str] = []
    position = 0
    while mark := _next_mark(text, position, first=not thoughts):
        before = text[position : mark.start()]
        if mark["end"]:
            if thoughts and _NOTHING_ELSE.match(text, mark.end()):
                answer.append(before)  # one more end mark, behind the answer
            else:
                thoughts += [*answer, before]
                answer = []
            position = mark.end()
            continue
        end = _end_of(text, mark)
        if end is None:
            if before.rstrip(" \t").endswith("\n") or not before.strip():
                thoughts.append(text[mark.end() :])
                answer.append(before)
                position = len(text)
            break  # a mark that is only spoken of
        thoughts.append(text[mark.end() : end.start()])
        answer.append(before)
        position = end.end()
    answer.append(text[position:])
    return _joined(thoughts), _joined(answer)


def _joined(parts: list[str]) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())


def _next_mark(text: str, position: int, *, first: bool) -> re.Match[str] | None:
    """The next mark that is not within code.

    If the first mark of all is an end, code before it is code that the model thought of, and may
    not be closed.
    """
    if first and (mark := _MARK.search(text, position)) and mark["end"]:
        return mark
    for match in _MARK_OR_CODE.finditer(text, position):
        if not match["code"]:
            return match
    return None


def _end_of(text: str, begin: re.Match[str]) -> re.Match[str] | None:
    """The mark that ends what this one begins; marks may be nested."""
    depth = 1
    last = None
    for mark in _MARK.finditer(text, begin.end()):
        depth += 1 if mark["begin"] else -1
        last = mark if mark["end"] else last
        if depth == 0:
            return mark
    return last  # more beginnings than ends: the last end counts
