"""What matters for judging an attempt: how much room each step, and each sentence, is worth.

These are rules of thumb about words and names, so that shortening needs no model. They are
English; in other languages position alone decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from experience_store.learning.transcript.steps import Step


@dataclass(frozen=True, slots=True)
class Worth:
    """What a text may claim of the room.

    Attributes:
        weight: Its share beside the others, up to `essential` tokens.
        essential: How long a text of its kind has to be to tell what matters; beyond that, it
            claims what any other text claims.
        least: With fewer tokens than this it says nothing.
    """

    weight: float
    essential: int
    least: int = 8

    def claim(self, level: float) -> float:
        """How many tokens it may have when the water stands at `level`."""
        return min(self.weight * level, self.essential) + level

    def level(self, tokens: float) -> float:
        """The level from which it may have so many tokens, of the few that tell something."""
        return tokens / (self.weight + 1)

    def times(self, factor: float) -> Worth:
        """The same with another weight."""
        return replace(self, weight=self.weight * factor)


NOTHING: Final = Worth(0, 0)
ASKED: Final = Worth(16, 150)
CUSTOMER: Final = Worth(16, 50)
INSTRUCTIONS: Final = Worth(1, 60)
REMARK: Final = Worth(5, 60)
LAST_REMARK: Final = Worth(16, 200)
CHANGE: Final = Worth(120, 400, least=16)
ACTION: Final = Worth(8, 120, least=12)
LOOK: Final = Worth(5, 30, least=16)
FAILURE: Final = Worth(20, 30)
RESULT: Final = Worth(1, 20, least=16)
LAST_RESULT: Final = Worth(3, 60, least=16)

_INSTRUCTION_ROLES = frozenset({"system", "developer"})
_CHANGES = frozenset(
    "accept add apply approve assign book buy cancel change click close commit copy create delete "
    "deploy disable edit enable exchange execute finish grant insert install kill merge modify "
    "move order patch pay place post publish purchase push put refund register reject remove "
    "rename replace reply reset restart return revoke save schedule send set start stop submit "
    "terminate transfer type update upload withdraw write".split()
)
_LOOKS = frozenset(
    "browse calculate check count describe download fetch find get grep help inspect list load "
    "lookup navigate open query read retrieve scroll search show status view".split()
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_FAILED = re.compile(
    r"\berror(?!s?\W{0,4}(?:null|none|false|0|\[\]|\"\"))|\bexception\b|traceback|\bfail(?:ed|ure)"
    r"|\bdenied|\brefused|\bnot (?:found|allowed|available|permitted|enough)|\binvalid|forbidden"
    r"|unauthori[sz]ed|timed? ?out|\bcannot\b|\bcan't\b|\bunable|does ?n[o']t (?:exist|match|add)"
    r"|\bno such\b|(?:success|ok)\W{1,4}false|exit (?:code|status)\W{0,2}[1-9]",
    re.IGNORECASE,
)
_MARKS: Final = (
    (6.0, r"\\boxed|<answer>|\banswer\b\W{0,6}(?:is\b|:|=)|final answer"),
    (
        2.5,
        r"\b(?:unfortunately|cannot|can't|unable|not (?:allowed|available|eligible|found|permitted"
        r"|possible)|error|exception|failed|failure|denied|refused|invalid|mistake|wrong)\b",
    ),
    (
        1.5,
        r"\b(?:therefore|thus|hence|conclu\w+|wait|actually|however|instead|correct\w*|recheck"
        r"|verif\w+|polic\w+|eligible|proceed|transfer\w*|refund\w*|total|appears|seems|found)\b",
    ),
    (
        -3.0,
        r"\b(?:feel free|happy to (?:help|assist)|have a (?:great|nice|good)|you're welcome"
        r"|anything else|(?:further|more) (?:assistance|questions)|thank you|safe travels)\b",
    ),
    (0.7, r"^\W*(?:#{1,6} |\d+[.)] |step \d)"),
    (0.7, r"\w.*\d"),
)
_COMPILED = tuple((w, re.compile(p, re.IGNORECASE | re.MULTILINE)) for w, p in _MARKS)
_SEEN_OF_A_RESULT = 300
_AGAIN = 0.3


def changes_something(tool: str) -> bool | None:
    """Whether a tool of this name acts on the world: the first telling verb in it says so."""
    words = (w.lower() for w in _WORD.findall(tool))
    telling = next((w for w in words if w in _CHANGES or w in _LOOKS), None)
    return None if telling is None else telling in _CHANGES


def looks_failed(result: str) -> bool:
    """Whether a result reads like an error, a failure or a refusal."""
    return bool(_FAILED.search(result[:_SEEN_OF_A_RESULT]))


def mark(sentence: str) -> float:
    """How much a sentence stands out: an answer, a conclusion, a change of mind, a heading."""
    return sum(weight for weight, pattern in _COMPILED if pattern.search(sentence))


def worth_of(steps: Sequence[Step]) -> list[tuple[Worth, Worth]]:
    """For every step, what the said and the returned are worth."""
    last_remark = _last(s.label == "assistant" and not s.is_call for s in steps)
    last_result = _last(s.returned is not None for s in steps)
    seen: set[tuple[str, str | None]] = set()
    worths: list[tuple[Worth, Worth]] = []
    for index, step in enumerate(steps):
        said = LAST_REMARK if index == last_remark else _said(step, index)
        returned = _returned(step, last=index == last_result)
        factor = _prominence(index, len(steps))
        if (step.label, step.said) in seen and said is not CHANGE:
            factor *= _AGAIN
        seen.add((step.label, step.said))
        worths.append((said.times(factor), returned.times(factor)))
    return worths


def _said(step: Step, index: int) -> Worth:
    if step.said is None:
        return NOTHING
    if step.is_call:
        return {True: CHANGE, False: LOOK, None: ACTION}[changes_something(step.label)]
    if step.label in _INSTRUCTION_ROLES:
        return INSTRUCTIONS
    if step.label == "assistant":
        return REMARK
    return ASKED if index == 0 else CUSTOMER


def _returned(step: Step, *, last: bool) -> Worth:
    if step.returned is None:
        return NOTHING
    if looks_failed(step.returned):
        return FAILURE
    return LAST_RESULT if last else RESULT


def _prominence(index: int, count: int) -> float:
    """From 1.5 at either end to 1 in the middle; no two steps alike, so that ties fall apart."""
    return 1 + abs(index / count - 0.49)


def _last(flags: Iterable[bool]) -> int:
    return max((index for index, flag in enumerate(flags) if flag), default=-1)
