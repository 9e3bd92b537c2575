"""Shorten an attempt by value: the water-filling that the package's docstring explains."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log

from experience_store.learning.transcript.dedup import tell_by_change
from experience_store.learning.transcript.salience import Salience, salience_of
from experience_store.learning.transcript.steps import TranscriptStep, steps_of, tidy
from experience_store.learning.transcript.truncate import GAP, Body
from experience_store.token_estimate import clip_to_tokens, estimate_tokens
from experience_store.trajectory import Message

_LABEL = 4  # what a step costs beside its words
_MARKER = 16  # what a marker costs; steps in a row that cost less are rather shown
_SMALL, _LOOKED_AT = 2_000, 20_000  # characters
_KINDS_NAMED = 4
_ROOM_TO_NAME_KINDS = 150
_LOWEST, _HIGHEST = 1e-3, 1e6
_SAME_LEVEL = 1.001
_GOOD_ENOUGH, _AIM, _FAR_TOO_LONG = 0.98, 0.99, 1.3  # parts of the budget


@dataclass(frozen=True, slots=True)
class Shortened:
    """An attempt within a budget.

    Attributes:
        text: The transcript.
        tokens: Its estimated tokens.
        left_out: What was left out, without a full stop; empty when nothing was.
    """

    text: str
    tokens: int
    left_out: str = ""


def render(messages: Sequence[Message]) -> str:
    """The full transcript: numbered steps, nothing left out."""
    return "\n".join(
        step.show(
            None if step.said is None else tidy(step.said),
            None if step.returned is None else tidy(step.returned),
        )
        for step in steps_of(messages)
    )


@lru_cache(maxsize=1024)
def length(messages: tuple[Message, ...]) -> int:
    """The estimated tokens of the full transcript.

    Remembered, because whether to summarise an attempt, how to share out the room, and whether it
    must be shortened all depend on it.
    """
    return estimate_tokens(render(messages))


def shorten(messages: Sequence[Message], max_tokens: int) -> Shortened:
    """The transcript within `max_tokens` estimated tokens, whatever the messages hold."""
    if sum(map(_characters, messages)) <= 20 * max_tokens:
        tokens = length(tuple(messages))
        if tokens <= max_tokens:
            return Shortened(render(messages), tokens)
    return _fill(_Attempt(messages, max_tokens), max_tokens)


def _fill(attempt: _Attempt, max_tokens: int) -> Shortened:
    """The attempt at the highest level of the water that fits, or nearly that."""
    best: Shortened | None = None
    low, high = _LOWEST, _HIGHEST
    over: int | None = None  # tokens at the level `high`, where that is known
    while high > _SAME_LEVEL * low:
        share = 0.5
        if best and over:  # aim at just below the budget, as if tokens were a power of the level
            share = log(_AIM * max_tokens / best.tokens) / log(over / best.tokens)
        level = low * (high / low) ** min(max(share, 0.1), 0.9)
        sketch = attempt.at(level)
        if sketch is None or sketch.tokens > max_tokens:
            high, over = level, sketch and sketch.tokens
            continue
        best, low = sketch, level
        if sketch.tokens >= _GOOD_ENOUGH * max_tokens:
            break
    return best or attempt.barely()


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of a step, and how much room they are worth."""

    body: Body
    worth: Salience

    def fit(self, level: float) -> bool:
        """Whether they are shown in full at this level."""
        return self.body.fits(self.worth.claim(level))

    def told_from(self) -> float:
        """The level from which they have room to say something."""
        return self.worth.level(min(self.worth.least, self.body.tokens))

    def cut(self, level: float) -> str:
        """What is shown of them."""
        return self.body.cut(self.worth.claim(level)) if level >= self.told_from() else GAP

    def tokens(self, level: float) -> float:
        """About what that costs."""
        return min(self.body.tokens, self.worth.claim(level))


@dataclass(frozen=True, slots=True)
class _Part:
    """A step, with the words that can be cut."""

    step: TranscriptStep
    said: _Words | None
    returned: _Words | None

    def shown_from(self) -> float:
        """The level from which the step has room to say something."""
        words = self.said or self.returned
        return 0 if words is None else words.told_from()

    def show(self, level: float) -> str:
        """The step as it stands at this level."""
        return self.step.show(
            self.said and self.said.cut(level), self.returned and self.returned.cut(level)
        )

    def tokens(self, level: float) -> float:
        """About what that costs."""
        return _LABEL + sum(w.tokens(level) for w in (self.said, self.returned) if w)

    def cuts(self, level: float) -> Iterator[str]:
        """What is cut at this level."""
        if self.said and not self.said.fit(level):
            yield "call" if self.step.is_call else "text"
        if self.returned and not self.returned.fit(level):
            yield "tool result"


class _Attempt:
    """All parts of an attempt, to be shown at any level of the water."""

    def __init__(self, messages: Sequence[Message], max_tokens: int) -> None:
        self._max_tokens = max_tokens
        steps = tell_by_change(steps_of(messages))
        window = _window(steps, max_tokens)
        self._parts = [
            _Part(step, _words(step.said, said, window), _words(step.returned, returned, window))
            for step, (said, returned) in zip(steps, salience_of(steps), strict=True)
        ]
        self._shown_from = sorted((part.shown_from(), i) for i, part in enumerate(self._parts))

    def at(self, level: float) -> Shortened | None:
        """The transcript at this level; None when it is far too long."""
        shown = self._shown(level)
        if sum(self._parts[i].tokens(level) for i in shown) > _FAR_TOO_LONG * self._max_tokens:
            return None
        lines: list[str] = []
        left_out: Counter[str] = Counter()
        for before, after in pairwise([-1, *shown, len(self._parts)]):
            between = self._parts[before + 1 : after]
            levels = [(part, level) for part in self._parts[after : after + 1]]
            if _is_short(between):
                levels = [*((part, _HIGHEST) for part in between), *levels]
            else:
                lines.append(self._marker(between))
                left_out["step"] += len(between)
            for part, its_level in levels:
                lines.append(part.show(its_level))
                left_out.update(part.cuts(its_level))
        text = "\n".join(lines)
        return Shortened(text, estimate_tokens(text), _sentence(left_out, len(self._parts)))

    def _shown(self, level: float) -> list[int]:
        """The parts that this level reaches, in order; no more than could ever have room."""
        most = min(len(self._parts), 2 * self._max_tokens // _LABEL + 1)
        count = bisect_right(self._shown_from, (level, len(self._parts)), hi=most)
        return sorted(i for _, i in self._shown_from[:count])

    def barely(self) -> Shortened:
        """What can be said where there is no room for a single step."""
        count = len(self._parts)
        text = clip_to_tokens(f"[… {_many(count, 'step')} left out]", self._max_tokens)
        left_out = _sentence(Counter(step=count), count)
        return Shortened(text, estimate_tokens(text), left_out)

    def _marker(self, parts: Sequence[_Part]) -> str:
        if len(parts) == 1:
            return parts[0].step.show(GAP, None)
        counted = f"[… {_many(len(parts), 'step')} left out"
        if self._max_tokens < _ROOM_TO_NAME_KINDS:
            return f"{counted}]"
        kinds = Counter(part.step.label for part in parts).most_common(_KINDS_NAMED + 1)
        named = [label if n == 1 else f"{label} \u00d7{n}" for label, n in kinds[:_KINDS_NAMED]]
        return f"{counted}: {', '.join(named)}{', …' * (len(kinds) > _KINDS_NAMED)}]"


def _window(steps: Sequence[TranscriptStep], max_tokens: int) -> int:
    """How much of either end of a text to look at, so that the work is bounded by the budget."""
    long = sum(len(text) > _SMALL for s in steps for text in (s.said, s.returned) if text)
    return max(_SMALL, max(_LOOKED_AT, 16 * max_tokens) // max(1, long))


def _words(text: str | None, worth: Salience, window: int) -> _Words | None:
    return None if text is None else _Words(Body(text, window), worth)


def _is_short(parts: Sequence[_Part]) -> bool:
    """Whether these steps cost no more than the marker that would stand for them."""
    return len(parts) <= _MARKER // _LABEL and sum(p.tokens(_HIGHEST) for p in parts) <= _MARKER


def _sentence(left_out: Counter[str], steps: int) -> str:
    cuts = [
        f"{_many(left_out[kind], kind)} cut"
        for kind in ("tool result", "text", "call")
        if left_out[kind]
    ]
    if left_out["step"]:
        cuts.insert(0, f"{left_out['step']} of {_many(steps, 'step')} left out")
    return ", ".join(cuts)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _characters(message: Message) -> int:
    return len(message.text) + sum(len(call.arguments) for call in message.tool_calls)
