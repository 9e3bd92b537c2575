r"""Numbers as people write them."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from server.practice.verifiers.answer_extraction import find_answer
from server.practice.verifiers.answer_wording import (
    complements,
    conclusion,
    denies,
    stated,
    statement,
    unwrapped,
)
from server.practice.verifiers.answer_words import (
    HYPHENS,
    LEAVES_CHOICE,
    REFUTES,
    SUBSCRIPT,
    SUPERSCRIPT,
    SUPERSCRIPTS,
)
from server.practice.verifiers.number_words import (
    SCALES,
    lone_number_in_words,
    number_in_words,
    whole_in_words,
)
from server.practice.verifiers.units import is_unit, units

MAX_EXPONENT = 400
_DIGITS = (
    r"(?:\d{1,3}(?:[,_']\d{3})+(?!\d)|\d{1,100}(?!\d))(?:\.\d{1,100}(?!\d))?|\.\d{1,100}(?!\d)"
)
_WRITTEN = (
    r"\d{1,3}(?:\.\d{3}){2,}(?:,\d{1,100})?(?![\d.,]\d)"  # 1.234.567,8
    r"|\d{1,3}(?:[. ]\d{3})+,\d{1,100}(?![\d.,]*\d)"  # 1.234,5 and 1 234,5
    r"|\d{1,3}(?: \d{3})+(?:\.\d{1,100})?(?![\d.,]*\d)"  # 1 234 567
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,100})?(?![\d,])"  # 12,34,567
    r"|(?<!\d,)(?<!\d, )\d{1,100},(?:\d{1,2}|\d{4,100})(?!\d|[.,]\d)"  # 3,5
    rf"|{_DIGITS}"
)
_TEN = r"\s?(?:[*x\u00d7\u00b7]|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?\{?(?P<ten>[-+]?\d{1,5})\}?"
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "b": 10**9, "bn": 10**9}
_SUFFIX = r"(?-i:[kKMB]|\s?(?:[bB]n|m(?:l?n)))|(?(currency)\s?[kmb]|(?!))"  # 3 m are metres
_NUMBER = re.compile(
    # not within a word, nor behind a digit, a power or an index; no base of a power
    rf"(?<![A-Za-z\u00c0-\u024f\d_.^])(?<!\^-)(?>(?P<sign>(?<![\d)\]}}])[-+]\s?)?"
    r"(?P<currency>[$\u20ac\u00a3\u00a5\u20b9])?"
    rf"(?:\\frac\{{(?P<over>-?(?:{_DIGITS}))\}}\{{(?P<under>{_DIGITS})\}}"
    r"|10\s?(?:\^|\*\*)\s?\{?(?P<power>[-+]?\d{1,5})\}?"
    rf"|(?P<first>{_WRITTEN})(?:\s(?P<part>\d+/\d+)(?!\d)|\s?/\s?(?P<by>{_DIGITS}))?"
    rf"(?:[eE](?P<e>[-+]?\d{{1,5}})|{_TEN})?))(?!\s?\^)"
    rf"(?!\.\d)(?:[\s-]?(?P<scale>{'|'.join(SCALES)})s?\b|(?P<suffix>{_SUFFIX})(?![A-Za-z\d]))?",
    re.IGNORECASE,
)
_RAISED = re.compile(
    r"(?<!(?<!\d)10)(?<!(?<!\d)10 )([\^_])\s?\{[^{}]*\}"
)  # x^{4} and a_{4} are not 4
_ROUNDED = re.compile(r"[\u2248\u2243]|\\approx(?![a-z])")
_PERCENT = re.compile(r"\d\s?(?:%|\\%|percent\b)")
_IN_BRACKETS = re.compile(r"(?<=\S)\s+\([^()]*\)$")
_SOON = re.compile(r"(?:[^\s\d]+\s+){0,2}?[^\s\d]*\d")
_OPERATOR = re.compile(
    r"\s*(?:[-+*/,;\u00d7\u00b7\u00f7\u2013(~]|\\times|\\cdot|\\div|to|and|plus|minus|times|over|choose|mod"
    r"|(?:multiplied|divided) by)?\s*|:"
)
_EXPRESSION_BEFORE = re.compile(
    r"(?:[\u221a\u03c0^*/\u00d7\u00b7\u00f7]|\\sqrt\s*(?:\[\d\])?\{?|-\(|[A-Za-z]\(|[<>\u2260\u2264\u2265\u00b1]|\\pm|[-+]|\\pi"
    r"|\\neq?|\\(?:binom|overline|bar)\s*\{?|\\frac\{[^{}]*\}\{"
    r"|\b(?:root|half|third|quarter|square|cube|factorial)\s+of(?:\s+the)?"
    r"|\b(?:not|isn['\u2019]t|nicht|niet|pas|\u043d\u0435|nearly|almost"
    r"|mindestens|h\u00f6chstens|au moins|au plus|al menos)"
    r"|\b(?:twice|double|triple|half|least|most|over|under|above|below|up to|than|exceeds)"
    r"|\b(?:log|ln|exp|sin|cos|tan)(?:_\S+)?)\s*$",
    re.IGNORECASE,
)
_EXPRESSION_AFTER = re.compile(
    r"\s?(?:[\u221a\u03c0^\u00f7]|\\(?:pi|sqrt|times|cdot|div)|\*\*|!|%\s?\d|[xyznie](?![A-Za-z])|C_?\d|[*\u00d7\u00b7+/]\s*[\w(\\])"
    r"|[<>]\s?[\w\\(]|,\s?(?:\\infty|\u221e)"
    r"|\s(?:squared|cubed|factorial|choose|to the power"
    r"|at (?:most|least)"
    r"|(?:or|and) (?:more|less|fewer|greater|higher|lower|above|below|over|under|up))\b"
    r"|\+\W*$"
)
_RELATION = re.compile(r"[-=]>|[=\u2192\u21d2]|\\to\b|\\implies|\\Rightarrow|\bequals\b")


def answered_numbers(text: str) -> tuple[Fraction, ...]:
    """The number that an answer gives; none if it gives none, or leaves the choice.

    In a marked answer it is the one that is stated first, behind an equals sign if there is one. In
    another it is what the last sentence states ("he has 4"), or else the last in it. A percentage
    is two: 50% is 50 and 1/2.
    """
    found = find_answer(text)
    said = stated(found or conclusion(text))
    value = stated_number(said) if found else _concluded(said)
    if value is None:
        return ()
    return (value, value / 100) if _PERCENT.search(said) else (value,)


def _concluded(said: str) -> Fraction | None:
    if denies(said):
        return None
    exact, *rounded = _ROUNDED.split(said)
    if rounded and (value := stated_number(exact)) is not None:
        return value
    for place, rest in enumerate(complements(said)):
        if place == 0 and (denies(rest) or REFUTES.match(rest)):
            return None
        if _SOON.match(plain(rest)) or number_in_words(rest):
            return None if _leaves_choice(said) else stated_number(rest)
    numbers = _numbers(plain(said))
    if not numbers:
        return lone_number_in_words(said)
    if len(numbers) == 1:
        return stated_number(said)
    if _leaves_choice(said) or _is_expression(said, numbers):
        return None
    return numbers[-1][1]


def other_unit(truth: str, answer: str) -> bool:
    """Whether an answer is in another unit or currency than the ground truth, if both name one."""
    wanted = units(truth)
    got = units(statement(answer)) if wanted else wanted
    return bool(wanted and got and not wanted & got)


def stated_number(said: str) -> Fraction | None:
    """The one number that a statement gives."""
    if denies(said):
        return None
    text = plain(_IN_BRACKETS.sub("", said))
    if not re.search(r"\d", text):
        if (value := number_in_words(text)) is not None or not re.search(r"\d", said):
            return value
        text = plain(said)
    if _leaves_choice(said):
        return None
    exact, *rounded = _ROUNDED.split(text)
    for part in (*reversed(_RELATION.split(exact)), *rounded):
        numbers = _numbers(part)
        value = _single(part, numbers) if numbers else None
        if value is not None:
            return value
    return None


def last_number(text: str) -> Fraction | None:
    """The last number that a text holds, exactly."""
    numbers = _numbers(plain(text))
    return numbers[-1][1] if numbers else None


def _numbers(text: str) -> list[tuple[re.Match[str], Fraction]]:
    pairs = ((match, _value(match)) for match in _NUMBER.finditer(text))
    return [(match, value) for match, value in pairs if value is not None]


def _single(part: str, numbers: list[tuple[re.Match[str], Fraction]]) -> Fraction | None:
    """The first number of a part, unless it belongs to an expression, a range or a list."""
    match, value = numbers[0]
    if _EXPRESSION_BEFORE.search(part[: match.start()]) or _EXPRESSION_AFTER.match(
        part, match.end()
    ):
        return None
    if len(numbers) > 1:
        between = part[match.end() : numbers[1][0].start()]
        if _OPERATOR.fullmatch(between) or re.search(r"\band\b", between) or is_unit(between):
            return None
    return value


def _is_expression(said: str, numbers: list[tuple[re.Match[str], Fraction]]) -> bool:
    """Whether the last number belongs to the one before it: 18 + 18."""
    text = plain(said)
    return bool(_OPERATOR.fullmatch(text[numbers[-2][0].end() : numbers[-1][0].start()]))


def _leaves_choice(said: str) -> bool:
    text = plain(said)
    values = {
        value / 100 if _PERCENT.match(text, match.end() - 1) else value
        for match, value in _numbers(text)
    }
    return len(values) > 1 and bool(LEAVES_CHOICE.search(said))


def plain(text: str) -> str:
    """Signs and separators as they are written in ASCII."""
    text = re.sub(r"(?<=\d)(?:\{,\}|\\[,;! ]|,\\!\s?|[\u00a0\u2009\u202f])(?=\d{3})", ",", text)
    text = SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(SUPERSCRIPTS), text)
    text = re.sub(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])", " ", text)  # 1½
    text = SUBSCRIPT.sub(r"_\g<0>", text)
    text = unicodedata.normalize("NFKC", text.translate(HYPHENS))
    text = text.replace("\u2212", "-").replace("\u2044", "/").replace("\u2019", "'")
    text = text.replace(r"\%", "%").replace(r"\$", "$")
    text = re.sub(r"\^\{?\\circ\}?|\\degree", "\u00b0", text)
    text = re.sub(r"(\\sqrt)\s*\[[^\]]*\]", r"\1", _RAISED.sub(r"\1n", text))
    text = re.sub(r"(?<=\d) and (?:a|one) half\b", " 1/2", text)
    text = re.sub(r"(?:(?<=^)|(?<=[\s(:=$]))\u2013(?=[\d.$])", "-", text)
    text = re.sub(r"\b(?:minus|negative)\s+(?=[\d$.\\])", "-", text, flags=re.IGNORECASE)
    text = re.sub(r"\\[dtc]?frac\s*\{?\s*(-?[\d.,]+)\s*\}\s*\{?", r"\\frac{\1}{", text)
    text = re.sub(r"\\[dtc]?frac\s*(\d)\s*\{?(\d)\}?", r"\\frac{\1}{\2}", text)
    return re.sub(r"(?<=\d)\s*\\frac\{(\d+)\}\{(\d+)\}", r" \1/\2", text)  # 1\frac12


def _value(match: re.Match[str]) -> Fraction | None:
    """The number of a match; None for one that divides by zero or is beyond all measure."""
    group = {key: text or "" for key, text in match.groupdict("").items()}
    exponent = int(group["e"] or group["ten"] or group["power"] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    try:
        value = _digits(group["first"] or group["over"] or "1")
        value += Fraction(group["part"] or 0)
        value /= _digits(group["by"] or group["under"] or "1")
    except ZeroDivisionError:
        return None
    value *= SCALES.get(group["scale"].lower(), 1)
    value *= _SUFFIXES.get(group["suffix"].strip().lower(), 1)
    return value * Fraction(10) ** exponent * (-1 if "-" in group["sign"] else 1)


def _digits(written: str) -> Fraction:
    """Digits with their separators, of which the last may be a comma for the decimals."""
    written = re.sub(r"[_' ]", "", written)
    if re.search(r"\.\d+,|\.\d{3}\.", written) or re.fullmatch(r"\d+,(?:\d\d?|\d{4,})", written):
        return Fraction(written.replace(".", "").replace(",", "."))
    return Fraction(written.replace(",", ""))


def whole_number(text: str) -> Fraction | None:
    """The number that a ground truth is as a whole; None for other texts, and for codes as 007."""
    written = unwrapped(plain(text)).removesuffix("%").removesuffix("\\").strip()
    if (value := whole_in_words(written)) is not None:
        return value
    match = _NUMBER.fullmatch(plain(written))
    if match is None or re.match(r"[-+]?0\d|.*\d,(?!\d{3}(?!\d))", written):
        return None
    return _value(match)
