"""Where the JSON is in an answer: stretches from an opening bracket to the one that closes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from experience_store.errors import AnswerRefusedError
from experience_store.learning.json_text.bounds import (
    MAX_DEPTH,
    MAX_REGIONS,
    ONE_OBJECT,
    WELL_FORMED,
    not_a_number,
    too_deep,
)
from experience_store.learning.json_text.strings import Place, string_at

_THOUGHTS = r"(?:think(?:ing)?|thoughts?|reasoning)>"
_THOUGHTS_OPEN = re.compile(rf"\s*<{_THOUGHTS}")
_THOUGHTS_CLOSE = re.compile(rf"</{_THOUGHTS}")
_THOUGHTS_CLOSE_ALONE = re.compile(rf"</{_THOUGHTS}(?=\s*[\[{{`]|[^\S\n]*\n)")

# Where JSON seems to begin: a brace in prose or in LaTeX is not followed by a key.
_BEGINNING = re.compile(r"""\{\s*(?:["'“}]|/[/*]|\#\s|\w+\s*:)|\[\s*\{|\[\]""")
_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*(?:.*?\*/|.*)|\#[^\n]*)
      | (?P<mark>[{}\[\],:])
      | (?P<quote>["'“])
      | (?P<word>[^\s{}\[\],:"'“/\#]+|/)""",
    re.DOTALL | re.VERBOSE,
)
_PAIRS = {"}": "{", "]": "["}
# What follows an object or a list that was closed too early, or opened too late.
_GOES_ON = {
    "{": re.compile(r"""[\s}\]]*,\s*["'“{\[]"""),
    "[": re.compile(r"""[\s}\]]*,\s*["'“{\[]|\s*[{}]"""),
}
_NOT_A_NUMBER = frozenset({"NaN", "-NaN", "nan", "Infinity", "+Infinity", "-Infinity"})


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of the answer that opens and closes like JSON.

    Attributes:
        source: The stretch without comments, a placeholder in the place of each string.
        strings: What the placeholders stand for. Kept apart, no repair can bend them.
        start: Where it begins in the answer.
        end: Where it ends.
    """

    source: str
    strings: dict[str, str]
    start: int
    end: int


def regions(text: str) -> Iterator[Region]:
    """The outermost stretches of an answer that begin like JSON, its thoughts apart.

    Raises:
        AnswerRefusedError: If one of them does not close, or closes too early, or they are many.
    """
    text = _after_thoughts(text)
    position = 0
    count = 0
    while beginning := _BEGINNING.search(text, position):
        count += 1
        if count > MAX_REGIONS:
            raise AnswerRefusedError(f"The answer holds too many objects. {ONE_OBJECT}.")
        region = _Reader(text, beginning.start()).run()
        goes_on = _GOES_ON[region.source[0]].match(text, region.end)
        if goes_on:
            raise AnswerRefusedError(
                f"The JSON goes on after it was closed, with {goes_on[0][-40:]!r}. {WELL_FORMED}"
            )
        yield region
        position = region.end


def _after_thoughts(text: str) -> str:
    """What follows the model's thoughts. Some templates leave out the tag that opens them."""
    if _THOUGHTS_OPEN.match(text):
        end = _THOUGHTS_CLOSE.search(text)
        if end is None:
            raise AnswerRefusedError(f"The answer breaks off while thinking. {ONE_OBJECT}.")
        return text[end.end() :]
    if text.lstrip().startswith(("{", "[", "`")):
        return text
    end = _THOUGHTS_CLOSE_ALONE.search(text)
    return text[end.end() :] if end else text


class _Reader:
    """One pass over a region, up to the bracket that closes it. Lives for one call of `run`."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._position = start
        self._brackets: list[str] = []
        self._source: list[str] = []
        self._strings: dict[str, str] = {}
        self._previous = ""  # the last mark, or "word" or "string"

    def run(self) -> Region:
        while token := _TOKEN.match(self._text, self._position):
            kind = token.lastgroup
            if kind == "mark":
                self._mark(token[0])
            elif kind == "blank":
                self._source.append(" ")
            elif kind == "word":
                self._word(token[0])
            elif not self._string():
                break
            self._position = max(self._position, token.end())
            if not self._brackets:
                source = "".join(self._source)
                return Region(source, self._strings, self._start, self._position)
        raise AnswerRefusedError(
            "The answer breaks off before its JSON is complete. Send all of it again, every "
            "string and bracket closed; say less if it did not fit."
        )

    def _mark(self, mark: str) -> None:
        if mark in _PAIRS.values():
            self._brackets.append(mark)
            if len(self._brackets) > MAX_DEPTH:
                raise too_deep()
        elif mark in _PAIRS and (opened := self._brackets.pop()) != _PAIRS[mark]:
            raise AnswerRefusedError(
                f"The brackets of the JSON do not match: {opened!r} is closed by {mark!r}. "
                f"{ONE_OBJECT}, every bracket closed by its own kind."
            )
        self._source.append(mark)
        self._previous = mark

    def _word(self, word: str) -> None:
        if word in _NOT_A_NUMBER:
            raise not_a_number(word)
        if self._previous == "string":
            raise self._malformed()
        self._source.append(word)
        self._previous = "word"

    def _string(self) -> bool:
        """Read a string, if it ends."""
        if self._previous == "word":
            raise self._malformed()
        string = string_at(self._text, self._position, self._place())
        if string is None:
            return False
        if string.swallowed():
            raise self._malformed()
        placeholder = f"@{len(self._strings)}"
        self._strings[placeholder] = string.meaning()
        self._source.append(f'"{placeholder}"')
        self._previous = "string"
        self._position = string.end
        return True

    def _place(self) -> Place:
        if self._brackets[-1] == "[":
            return "element"
        return "member" if self._previous == ":" else "key"

    def _malformed(self) -> AnswerRefusedError:
        near = self._text[max(0, self._position - 30) : self._position + 10]
        return AnswerRefusedError(f"The JSON is malformed near {near!r}. {WELL_FORMED}")
