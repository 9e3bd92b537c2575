"""Verifiers that compare the answer with the ground truth: as text, or as a number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from typing_extensions import override

from experience_store.errors import BadInputError
from server.practice.records import Rollout, Score, Task
from server.practice.verifiers.answer_extraction import final_answer
from server.practice.verifiers.protocol import (
    Verifier,
    refuse_tasks,
    require_truth,
    shortened,
    truth,
)

_QUOTES = "\"'`*_\u2018\u2019\u201c\u201d\u00ab\u00bb$,:; \\"
_ENDS = f"{_QUOTES}.?"
MAX_EXPONENT = 400
_DIGITS = (
    r"(?:\d{1,3}(?:[,_']\d{3})+(?!\d)|\d{1,100}(?!\d))(?:\.\d{1,100}(?!\d))?|\.\d{1,100}(?!\d)"
)
_TEN = r"\s?(?:\*|\u00d7|\\times|\\cdot)\s?10\^\{?(?P<ten>-?\d{1,5})\}?"
_NUMBER = re.compile(
    # not within a word, nor behind a digit, a power or an index; no base of a power
    rf"(?<![\w.^])(?>(?P<sign>(?<![\d)\]}}])[-+]\s?)?\$?"
    rf"(?:\\[dt]?frac\{{(?P<over>-?(?:{_DIGITS}))\}}\{{(?P<under>{_DIGITS})\}}"
    rf"|(?P<first>{_DIGITS})(?:\s(?P<part>\d+/\d+)(?!\d)|\s?/\s?(?P<by>{_DIGITS}))?"
    rf"(?:[eE](?P<e>[-+]?\d{{1,5}})|{_TEN})?))(?!\s?\^)"
)


class ExactVerifier(Verifier):
    """1 if the whole answer is the ground truth, character for character, else 0.

    Only space around it does not count.
    """

    name = "exact"

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        require_truth(self.name, tasks)

    @override
    async def verify(self, task: Task, rollout: Rollout) -> Score:
        right = rollout.answer.strip() == truth(task).strip()
        return Score(reward=float(right), feedback=None if right else "not the exact answer")


class MatchVerifier(Verifier):
    r"""1 if the answer says what the ground truth says, else 0.

    The answer is the whole text, or the part that is marked as the answer: in `<answer>` tags, in
    `\boxed{}`, or after "answer:" (see `find_answer`). Both sides are normalised: Unicode NFKC, no
    case, single spaces, and at both ends no quotes, emphasis, dollar signs, commas, colons and
    semicolons, nor full stops and question marks at the end. Signs and brackets stay: -5 is
    not 5, and 5! is not 5.
    """

    name = "match"

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        require_truth(self.name, tasks)

    @override
    async def verify(self, task: Task, rollout: Rollout) -> Score:
        wanted, final = normalised(truth(task)), final_answer(rollout.answer)
        right = wanted in {normalised(rollout.answer), normalised(final)}
        feedback = None if right else f"not the right answer: {shortened(final) or '(empty)'}"
        return Score(reward=float(right), feedback=feedback)


def normalised(text: str) -> str:
    """The text as `MatchVerifier` compares it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    single = re.sub(r"\s+", " ", folded)
    return single.lstrip(_QUOTES).rstrip(_ENDS)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far off an answer may be: absolutely, or as a share of the right one."""

    amount: Fraction
    relative: bool = False

    def allows(self, got: Fraction, wanted: Fraction) -> bool:
        """Whether it is near enough."""
        return abs(got - wanted) <= self.amount * (abs(wanted) if self.relative else 1)


class NumberVerifier(Verifier):
    r"""1 if the answer's last number is the ground truth's, within the tolerance, else 0.

    The answer is the part marked as such (see `find_answer`), or else the whole text. Thousands may
    be separated (1,234; 1_234; 1 234 with a no-break space; 1{,}234), fractions are read as written
    (3/4, 1 1/2, ½, \frac{3}{4}), so are 1e5 and 1.5 * 10^5. What follows a number is its unit and
    does not count: 50% is 50. Nothing is computed otherwise: 2^10 is not read as a number.
    """

    def __init__(self, tolerance: Tolerance, name: str) -> None:
        self._tolerance = tolerance
        self.name = name

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        require_truth(self.name, tasks)
        refuse_tasks(
            [task for task in tasks if last_number(final_answer(truth(task))) is None],
            f"the verifier {self.name!r} finds no number in the ground truth of these tasks",
        )

    @override
    async def verify(self, task: Task, rollout: Rollout) -> Score:
        wanted = last_number(final_answer(truth(task)))
        final = final_answer(rollout.answer)
        got = last_number(final)
        if wanted is not None and got is not None and self._tolerance.allows(got, wanted):
            return Score(reward=1.0)
        what = "no number in the answer" if got is None else "not the right number"
        return Score(reward=0.0, feedback=f"{what}: {shortened(final) or '(empty)'}")


def make_number_verifier(spec: str) -> NumberVerifier:
    """`number`, `number:0.01` (absolute) or `number:1%` (relative).

    Raises:
        BadInputError: If the tolerance is invalid.
    """
    _, colon, written = spec.partition(":")
    try:
        tolerance = Fraction(written.removesuffix("%") if colon else "1e-9")
    except (ValueError, ZeroDivisionError) as error:
        raise _bad_tolerance(spec) from error
    if tolerance < 0:
        raise _bad_tolerance(spec)
    relative = written.endswith("%")
    return NumberVerifier(Tolerance(tolerance / 100 if relative else tolerance, relative), spec)


def last_number(text: str) -> Fraction | None:
    """The last number that a text holds, exactly."""
    last = None
    for match in _NUMBER.finditer(_plain(text)):
        read = _value(match)
        last = last if read is None else read
    return last


def _plain(text: str) -> str:
    """Signs and separators as they are written in ASCII."""
    without = re.sub(r"(?<=\d)(?:\{,\}|\\[,;! ]|[\u00a0\u2009\u202f])(?=\d{3})", ",", text)
    half = re.sub(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])", " ", without)  # 1½
    folded = unicodedata.normalize("NFKC", half)
    return folded.replace("\u2212", "-").replace("\u2044", "/").replace(r"\%", "%")


def _value(match: re.Match[str]) -> Fraction | None:
    """The number of a match; None for one that divides by zero or is beyond all measure."""
    group = {key: re.sub(r"[,_']", "", text) for key, text in match.groupdict("").items()}
    exponent = int(group["e"] or group["ten"] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    try:
        value = Fraction(group["first"] or group["over"])
        value += Fraction(group["part"] or 0)
        value /= Fraction(group["by"] or group["under"] or 1)
    except ZeroDivisionError:
        return None
    return value * Fraction(10) ** exponent * (-1 if "-" in group["sign"] else 1)


def _bad_tolerance(spec: str) -> BadInputError:
    return BadInputError(f"{spec!r}: write number, number:0.01 (absolute) or number:1% (relative)")
