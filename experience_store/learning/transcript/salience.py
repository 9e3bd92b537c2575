"""How much each step, and each sentence, matters for judging an attempt.

The rules are heuristics on words and names, so that shortening needs no model. They are for
English; in other languages position alone decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from experience_store.learning.transcript.steps import INSTRUCTION_ROLES, TranscriptStep


@dataclass(frozen=True, slots=True)
class Salience:
    """How much of the token budget a text may claim.

    Attributes:
        weight: Its share relative to other texts, up to `essential` tokens.
        essential: Tokens in which a text of its kind tells what matters; beyond that, it claims as
            much as any other text.
        least: Tokens below which it is not worth showing.
    """

    weight: float
    essential: int
    least: int = 12

    def claim(self, level: float) -> float:
        """The tokens it may have when the water stands at `level`."""
        return min(self.weight * level, self.essential) + level

    def level(self, tokens: float) -> float:
        """The level from which it may have that many tokens, at most `essential`."""
        return tokens / (self.weight + 1)

    def times(self, factor: float) -> Salience:
        """The same with another weight."""
        return Salience(self.weight * factor, self.essential, self.least)


CHANGE: Final = Salience(200, 400, least=16)  # a call that changes something, with its arguments
ACTION: Final = Salience(
    8, 120, least=12
)  # a call whose name does not say whether it changes something
LOOK: Final = Salience(5, 30, least=16)  # a call that only reads
ASKED: Final = Salience(16, 150)  # the first user message
WISH: Final = Salience(16, 50)  # later user messages
REMARK: Final = Salience(5, 60)  # text of the agent
LAST_REMARK: Final = Salience(24, 200)  # its last text: the final answer
INSTRUCTIONS: Final = Salience(1, 60)  # system messages
FAILURE: Final = Salience(40, 30)  # a result that looks like an error or a refusal
RESULT: Final = Salience(1, 20, least=16)  # any other result
LAST_RESULT: Final = Salience(3, 60, least=16)
NOTHING: Final = Salience(0, 0)

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_TELLING = re.compile(
    "(?P<changes>accept|add|apply|approve|assign|book|buy|cancel|change|click|close|commit|copy"
    "|create|delete|deploy|disable|edit|enable|exchange|execute|finish|grant|insert|install|kill"
    "|merge|modify|move|order|patch|pay|place|post|publish|purchase|push|put|refund|register"
    "|reject|remove|rename|replace|reply|reset|restart|return|revoke|save|schedule|send|set|start"
    "|stop|submit|terminate|transfer|type|update|upload|withdraw|write)"
    "|browse|calculate|check|count|describe|download|fetch|find|get|grep|help|inspect|list|load"
    "|lookup|navigate|open|query|read|retrieve|scroll|search|show|status|view"
)
_FAILED = re.compile(
    r"(?<!0 )(?<!no )\berror(?!s?\W{0,4}(?:null|none|false|0|\[\]|\"\"))|\bexception\b|traceback"
    r"|\bfail(?:ed|ure)|\bdenied|\brefused|\binvalid|forbidden|unauthori[sz]ed|timed? ?out"
    r"|\bnot (?:found|allowed|available|permitted|enough)|\bcannot\b|\bcan't\b|\bunable"
    r"|does ?n[o']t (?:exist|match|add)|\bno such\b|(?:success|ok)\W{1,4}false"
    r"|exit (?:code|status)\W{0,2}[1-9]",
    re.IGNORECASE,
)
# A fast pre-check, in lower case: every match of `_FAILED` contains one of these.
_MAY_HAVE_FAILED = re.compile(
    "error|exception|traceback|fail|denied|refused|invalid|forbidden|unauthori|out|not |n't|cannot"
    "|unable|no such|false|exit (?:code|status)"
)
_CHECKED = 300  # characters at the start of a result, where an error says that it is one


@dataclass(frozen=True, slots=True)
class _Cue:
    """A pattern that makes a sentence stand out.

    Attributes:
        weight: How much it adds to the emphasis of the sentence.
        pattern: What the sentence contains.
        starts: First `_START` letters of words, or digits, one of which occurs in every match;
            empty if there are none. Looking them up is far faster than searching, and hardly any
            sentence has one.
    """

    weight: float
    pattern: re.Pattern[str]
    starts: frozenset[str] = frozenset()

    def stands_in(self, sentence: str, starts: frozenset[str]) -> bool:
        """Whether the sentence, whose words start like this, contains it."""
        if self.starts and self.starts.isdisjoint(starts):
            return False
        return self.pattern.search(sentence) is not None


_START = 5
_STARTS = re.compile(rf"[a-z]{{1,{_START}}}|[0-9]")


def _phrases(weight: float, *phrases: str) -> _Cue:
    """Any of these phrases; each starts with a word, or with `_START` letters of one."""
    starts = frozenset(match[0] for phrase in phrases if (match := _STARTS.match(phrase)))
    return _Cue(weight, re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE), starts)


_CUES: Final = (
    _Cue(
        6.0,
        re.compile(r"\\boxed|<answer>|\banswer\b\W{0,6}(?:is\b|:|=)|final answer", re.IGNORECASE),
        frozenset({"boxed", "answe"}),
    ),
    _phrases(
        2.5,
        *("unfortunately", "cannot", "can't", "unable"),
        "not (?:allowed|available|eligible|found|permitted|possible)",
        *("error", "exception", "failed", "failure", "denied", "refused", "invalid"),
        *("mistake", "wrong"),
    ),
    _phrases(
        1.5,
        *("therefore", "thus", "hence", r"conclu\w+", "wait", "actually", "however", "instead"),
        *(r"correct\w*", "recheck", r"verif\w+", r"polic\w+", "eligible", r"transfer\w*"),
        *(r"refund\w*", "total", "appears", "seems", "found"),
    ),
    _Cue(0.7, re.compile(r"^\W*(?:#{1,6} |\d+[.)] |step \d)", re.IGNORECASE | re.MULTILINE)),
    _Cue(0.7, re.compile(r"^[^\w\n]*\w[^\d\n]*\d", re.MULTILINE), frozenset("0123456789")),
    _phrases(
        -2.0,
        "would you like",
        "let me know",
        *("could you please (?:confirm|provide|let)", "please (?:confirm|provide|let)"),
    ),
    _phrases(
        -3.0,
        *("feel free", "happy to (?:help|assist)", "have a (?:great|nice|good)"),
        *("you're welcome", "anything else", "further (?:assistance|questions)"),
        *("more (?:assistance|questions)", "thank you", "safe travels"),
    ),
)
_REPEATED = 0.3  # factor for text that occurred before


def changes_something(tool: str) -> bool | None:
    """Whether a tool changes something, by the first known verb in its name; None if unknown."""
    words = (_TELLING.fullmatch(word.lower()) for word in _WORD.findall(tool))
    telling = next((word for word in words if word), None)
    return telling and telling["changes"] is not None


def looks_failed(result: str) -> bool:
    """Whether a result looks like an error, a failure or a refusal."""
    seen = result[:_CHECKED]
    return bool(_MAY_HAVE_FAILED.search(seen.lower()) and _FAILED.search(seen))


def emphasis(sentence: str) -> float:
    """How much a sentence stands out: an answer, a refusal, a change of mind, a heading."""
    starts = frozenset(_STARTS.findall(sentence.lower()))
    return sum(cue.weight for cue in _CUES if cue.stands_in(sentence, starts))


def salience_of(steps: Sequence[TranscriptStep]) -> list[tuple[Salience, Salience]]:
    """The salience of what each step said and returned."""
    asked = next((i for i, step in enumerate(steps) if step.label == "user"), -1)
    last_remark = _last(s.label == "assistant" and not s.is_call for s in steps)
    last_result = _last(s.returned is not None for s in steps)
    special = {asked: ASKED, last_remark: LAST_REMARK}
    seen: set[tuple[str, str | None]] = set()
    saliences: list[tuple[Salience, Salience]] = []
    for index, step in enumerate(steps):
        said = special.get(index) or _said(step)
        returned = _returned(step, last=index == last_result)
        again = said is not CHANGE and (step.label, step.said) in seen
        seen.add((step.label, step.said))
        factor = _prominence(index, len(steps)) * (_REPEATED if again else 1)
        saliences.append((said.times(factor), returned.times(factor)))
    return saliences


def _said(step: TranscriptStep) -> Salience:
    if step.said is None:
        return NOTHING
    if step.is_call:
        return {True: CHANGE, False: LOOK, None: ACTION}[changes_something(step.label)]
    if step.label in INSTRUCTION_ROLES:
        return INSTRUCTIONS
    return REMARK if step.label == "assistant" else WISH


def _returned(step: TranscriptStep, *, last: bool) -> Salience:
    if step.returned is None:
        return NOTHING
    if looks_failed(step.returned):
        return FAILURE
    return LAST_RESULT if last else RESULT


def _prominence(index: int, count: int) -> float:
    """From 1.5 at either end to 1 in the middle; slightly off-centre, to avoid ties."""
    return 1 + abs(index / count - 0.4937)


def _last(flags: Iterable[bool]) -> int:
    return max((index for index, flag in enumerate(flags) if flag), default=-1)
