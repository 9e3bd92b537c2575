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
from server.practice.verifiers.answer_wording import (
    denies,
    readings,
    stated,
    statement,
    unwrapped,
    without_edges,
)
from server.practice.verifiers.dates import stated_date, whole_date
from server.practice.verifiers.number_reading import (
    answered_numbers,
    last_number,
    other_unit,
    whole_number,
)
from server.practice.verifiers.protocol import (
    TruthVerifier,
    refuse_tasks,
    require_truth,
    shortened,
    truths,
)
from server.practice.verifiers.units import quantity, units

_EDGES = "\"'`*_\u2018\u2019\u201c\u201d\u00ab\u00bb$,:; \\"
_ENDS = f"{_EDGES}.?"
_CHOSEN = r"(?:the )?(?:right|correct|true|best)\b"
_LABEL = re.compile(  # of a choice, and what it stands for
    r"(?:(?:the |my )?(?:option|choice|answer|statement|letter)\s+)?"
    r"(?:[(\[](?P<in>[a-z])[)\]]"
    rf"(?!\s+(?:is|isn|was|would|can|could|seems|or|and)\b(?! {_CHOSEN}))"
    rf"|(?P<bare>[a-z])(?=$|[).:\]]|\s+[-\u2013\u2014]\s|\s+is {_CHOSEN}))"
    r"[).:\]]?(?:\s*[-\u2013\u2014:]\s+|\s+|$)(?P<text>.*)",
    re.DOTALL,
)
_ARTICLE = re.compile(r"(?:the|an?) (?=\w)")
_DASHES = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2212\u2019", "------'")
_VERDICTS = ("yes", "no", "true", "false")
_VERDICT = re.compile(
    r"(?P<said>yes|no|true|false)\b(?!\s+(?:and|or)\b|\s*/)(?:\s*[^\w\s]|\s+(?:because|since|as)\b|$"
    r"|\s+that\b(?!.*\b(?:but|however|although|though)\b))"
)


class ExactVerifier(TruthVerifier):
    """1 if the whole answer is the ground truth, character for character, else 0.

    Only space around it does not count.
    """

    name = "exact"

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        require_truth(self.name, tasks)

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        right = rollout.answer.strip() in {truth.strip() for truth in truths(task)}
        return Score(reward=float(right), feedback=None if right else "not the exact answer")


class MatchVerifier(TruthVerifier):
    """1 if the answer says what the ground truth says, else 0; see `says`."""

    name = "match"

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        require_truth(self.name, tasks)

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        if any(says(rollout.answer, truth) for truth in truths(task)):
            return Score(reward=1.0)
        final = final_answer(rollout.answer)
        return Score(reward=0.0, feedback=f"not the right answer: {shortened(final)}")


def says(answer: str, truth: str) -> bool:
    r"""Whether an answer says what the ground truth says.

    The answer is the whole text, the part that is marked as the answer (see `find_answer`), or what
    its last sentence states. Both sides are normalised: Unicode NFKC, no case, single spaces, and
    at both ends no quotes, emphasis, dollar signs and punctuation. Signs and brackets stay: -5 is
    not 5, 5! is not 5, and C# is not C. A ground truth that is a number is compared by value, one
    with a unit by both, a date by the day, one that is the letter of a choice with the letter, and
    yes, no, true and false with the answer's first word.
    """
    wanted = normalised(truth)
    if normalised(answer) == wanted:
        return True
    number = whole_number(truth)
    if number is not None:
        return number in answered_numbers(answer) and not other_unit(truth, answer)
    if (wanted_quantity := quantity(truth)) is not None:
        amount, unit = wanted_quantity
        number = whole_number(amount)
        if number is not None and unit & units(statement(answer)):
            return number in answered_numbers(answer)
    said = [normalised(reading) for reading in readings(answer)]
    if wanted in _VERDICTS:  # the first that is given counts
        given = (verdict["said"] for one in said if (verdict := _VERDICT.match(one)))
        return next(given, None) == wanted
    if (day := whole_date(truth)) is not None:
        given_day = stated(statement(answer))
        return not denies(given_day) and stated_date(given_day) == day
    return any(_same(one, wanted) for one in said)


def normalised(text: str) -> str:
    """The text as `MatchVerifier` compares it."""
    text = text.translate(_DASHES)
    folded = unicodedata.normalize("NFKC", unwrapped(text)).casefold()
    single = without_edges(re.sub(r"\s+", " ", folded), _EDGES, _ENDS)
    bracketed = re.fullmatch(r"\[([^\[\],]*[^\W\d_]{2}[^\[\],]*)\]", single)
    return (bracketed[1] if bracketed else single) or text.strip()


def _same(said: str, wanted: str) -> bool:
    if _ARTICLE.sub("", said) == _ARTICLE.sub("", wanted):
        return True
    right = _LABEL.fullmatch(wanted)
    if right is None:
        return False
    given = _LABEL.fullmatch(said)
    if given is None:  # the choice without its letter
        return bool(right["text"]) and said == right["text"]
    if _letter(given) != _letter(right):
        return False
    return not (given["text"] and right["text"]) or given["text"] == right["text"]


def _letter(label: re.Match[str]) -> str:
    return label["in"] or label["bare"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far off an answer may be: absolutely, or as a share of the right one."""

    amount: Fraction
    relative: bool = False

    def allows(self, got: Fraction, wanted: Fraction) -> bool:
        """Whether it is near enough."""
        return abs(got - wanted) <= self.amount * (abs(wanted) if self.relative else 1)


class NumberVerifier(TruthVerifier):
    r"""1 if the number that the answer gives is the ground truth's, within the tolerance, else 0.

    It is the number that a marked answer (see `find_answer`) states, or else the last one of the
    last sentence. Thousands may be separated (1,234; 1_234; 1 234; 1.234.567; 1{,}234), fractions
    are read as written (3/4, 1 1/2, ½, \frac{3}{4}), so are 1e5, 1.5 * 10^5, 3 million, 70k and
    "two and a half". If the ground truth and the answer both name a unit that is known (see
    `units`), it has to be the same; what else follows a number does not count. 50% is 50 or 0.5.
    Nothing is computed: 2^10 is not read as a number. Nor is a choice of several, a bound ("at
    least 4"), or one that is denied ("not 4") or taken back ("4. No, wait").
    """

    def __init__(self, tolerance: Tolerance, name: str) -> None:
        self._tolerance = tolerance
        self.name = name

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        require_truth(self.name, tasks)
        refuse_tasks(
            [task for task in tasks if None in self._wanted(task)],
            f"the verifier {self.name!r} finds no number in the ground truth of these tasks",
        )

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        got = answered_numbers(rollout.answer)
        for truth, wanted in zip(truths(task), self._wanted(task), strict=True):
            if wanted is None or other_unit(truth, rollout.answer):
                continue
            if any(self._tolerance.allows(number, wanted) for number in got):
                return Score(reward=1.0)
        what = "not the right number" if got else "no number in the answer"
        return Score(reward=0.0, feedback=f"{what}: {shortened(final_answer(rollout.answer))}")

    def _wanted(self, task: Task) -> list[Fraction | None]:
        return [last_number(final_answer(truth)) for truth in truths(task)]


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


def _bad_tolerance(spec: str) -> BadInputError:
    return BadInputError(f"{spec!r}: write number, number:0.01 (absolute) or number:1% (relative)")
