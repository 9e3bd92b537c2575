"""Numbers in words: "minus two thousand five hundred", "three quarters", "two and a half"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

SCALES: Final = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "lakh": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
}
# fmt: off
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_PARTS = (
    "half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)
# fmt: on
_DIGITS: Final = {word: number for number, word in enumerate(_ONES[:10])}
_SMALL: Final = {
    **{word: number for number, word in enumerate(_ONES)},
    **{word: 20 + 10 * number for number, word in enumerate(_TENS)},
}
_DENOMINATORS: Final = {
    **{word: number for number, word in enumerate(_PARTS, 2)},
    **{f"{word}s": number for number, word in enumerate(_PARTS, 2)},
    **{f"{scale}th{s}": SCALES[scale] for scale in ("hundred", "thousand") for s in ("", "s")},
    "halves": 2,
    "fourth": 4,
    "fourths": 4,
}
_GOES_ON = {  # a number that such a word follows is a part of something else
    *_SMALL, *SCALES, *_DENOMINATORS, "and", "or", "to", "by", "over", "times", "plus", "minus",
    "divided", "point", "squared", "cubed", "factorial", "choose", "/", "+", "*",
}  # fmt: skip
_JOINTS = ("and", "or", "in")
_TOKEN = re.compile(r"[a-z]+|[^\sa-z-]")
_ALONE = re.compile(  # what may follow in a sentence that has no verb that states it
    r"(?:(?:square |cubic )?[a-z]+(?: per [a-z]+| left| in total| in all| altogether)?)?\W*"
)


@dataclass(slots=True)
class _Reader:
    words: list[str]
    place: int = 0

    def next(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def take(self, *expected: str) -> bool:
        """Whether these words come next; they are passed then."""
        found = self.words[self.place : self.place + len(expected)] == list(expected)
        self.place += len(expected) * found
        return found

    def number(self) -> Fraction | None:
        """A number with its fraction and scale, if it is understood as a whole."""
        whole = self.cardinal()
        if whole is None:
            return None
        value = Fraction(whole)
        if divisor := _DENOMINATORS.get(self.next()):
            self.place += 1
            value /= divisor
        elif self.take("point"):
            value += self.decimals()
        elif self.next() == "and":
            value += self.fraction()
        if self.next() in SCALES and value.denominator > 1:
            value *= SCALES[self.next()]
            self.place += 1
        return value

    def cardinal(self) -> int | None:
        """Scales from the largest to the smallest: two thousand five hundred."""
        total, largest, start = 0, 10**15, self.place
        while (group := self.hundreds()) is not None:
            scale = SCALES.get(self.next(), 1)
            self.place += scale > 1
            if scale >= largest:
                return None
            total, largest = total + group * scale, scale
            if scale == 1:
                break
            self.joint()
        return total if self.place > start else None

    def hundreds(self) -> int | None:
        """Up to 999, or twelve hundred and so on."""
        below = self.tens()
        if below is None or not self.take("hundred"):
            return below
        self.joint()
        return below * 100 + (self.tens() or 0)

    def tens(self) -> int | None:
        word = self.next()
        if word not in _SMALL:
            return None
        self.place += 1
        if word in _TENS and (one := _DIGITS.get(self.next())):
            self.place += 1
            return _SMALL[word] + one
        return _SMALL[word]

    def joint(self) -> None:
        """Pass "and" or a comma before more of a number, and not before its fraction."""
        joined = self.next() in ("and", ",")
        following = self.words[self.place + joined : self.place + joined + 2]
        if joined and following and following[0] in _SMALL:
            self.place += following[-1] not in _DENOMINATORS

    def decimals(self) -> Fraction:
        digits = ""
        while (digit := _DIGITS.get(self.next())) is not None:
            digits += str(digit)
            self.place += 1
        return Fraction(f"0.{digits or 0}")

    def fraction(self) -> Fraction:
        """What "and a half" and "and three quarters" add."""
        _, count, part = [*self.words[self.place : self.place + 3], "", "", ""][:3]
        above = 1 if count in ("a", "an") else _SMALL.get(count)
        below = _DENOMINATORS.get(part)
        if above is None or below is None:
            return Fraction(0)
        self.place += 3
        return Fraction(above, below)


def number_in_words(text: str) -> Fraction | None:
    """The number at the beginning of a text; None unless it is understood as a whole."""
    value, rest = _read(text)
    return None if _goes_on(rest) else value


def _goes_on(rest: list[str]) -> bool:
    """Whether more of the number follows: "and fifty cents", "in three"."""
    if rest and rest[0] in _GOES_ON:
        return True
    return any(word in _JOINTS and more in _SMALL for word, more in pairwise(rest))


def lone_number_in_words(text: str) -> Fraction | None:
    """The same of a text that holds little else than a number and its unit.

    Other sentences begin with a number of something else: "Two cases arise."
    """
    value, rest = _read(text)
    alone = _ALONE.fullmatch(" ".join(rest))
    return None if not alone or _goes_on(rest) else value


def whole_in_words(text: str) -> Fraction | None:
    """The number that a text is as a whole."""
    value, rest = _read(text)
    return None if rest else value


def _read(text: str) -> tuple[Fraction | None, list[str]]:
    """The number at the beginning, and the words behind it."""
    words = _TOKEN.findall(re.sub(r"^[^a-z]+", "", text[:1000].lower()))
    reader = _Reader(words)
    negative = reader.take("minus") or reader.take("negative")
    value = reader.number()
    rest = words[reader.place :]
    while rest and rest[0] == "," and rest[1:2] and rest[1] in _GOES_ON:
        rest = rest[1:]  # a list
    return (-value if value and negative else value), rest
