"""Shortens an attempt to a token budget by water-filling, as the package's docstring explains."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log

from experience_store.learning.transcript.dedup import show_by_change
from experience_store.learning.transcript.salience import Salience, salience_of
from experience_store.learning.transcript.steps import TranscriptStep, steps_of, tidy
from experience_store.learning.transcript.truncate import GAP, Body
from experience_store.token_estimate import clip_to_tokens, estimate_tokens
from experience_store.trajectory import Message

_LABEL = 4  # tokens of a step besides its text
_MARKER = 16  # tokens of a marker; consecutive steps that cost less are shown instead
_SMALL, _CONSIDERED = 2_000, 20_000  # characters
_KINDS_NAMED = 4
_ROOM_TO_NAME_KINDS = 150
_LOWEST, _HIGHEST = 1e-3, 1e6
_SAME_LEVEL = 1.001
_GOOD_ENOUGH, _AIM, _FAR_TOO_LONG = 0.98, 0.99, 1.3  # relative to the budget


@dataclass(frozen=True, slots=True)
class Shortened:
    """An attempt shortened to a budget.

    Attributes:
        text: The transcript.
        tokens: Its estimated tokens.
        left_out: What was left out, without a full stop; empty if nothing was.
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

    Cached, because it decides whether to summarise an attempt, how to divide the budget, and
    whether to shorten.
    """
    return estimate_tokens(render(messages))


def shorten(messages: Sequence[Message], max_tokens: int) -> Shortened:
    """The transcript, cut to at most `max_tokens` estimated tokens."""
    if sum(map(_characters, messages)) <= 20 * max_tokens:
        tokens = length(tuple(messages))
        if tokens <= max_tokens:
            return Shortened(render(messages), tokens)
    return _fill(_Attempt(messages, max_tokens), max_tokens)


def _fill(attempt: _Attempt, max_tokens: int) -> Shortened:
    """The attempt at the highest water level that fits, or nearly that."""
    best: Shortened | None = None
    low, high = _LOWEST, _HIGHEST
    over: int | None = None  # tokens at the level `high`, if known
    while high > _SAME_LEVEL * low:
        share = 0.5
        if best and over:  # aim just below the budget, as if tokens were a power of the level
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
class _Text:
    """A text of a step, and how much of the budget it may claim."""

    body: Body
    salience: Salience

    def fit(self, level: float) -> bool:
        """Whether it is shown in full at this level."""
        return self.body.fits(self.salience.claim(level))

    def shown_from(self) -> float:
        """The level from which it is worth showing."""
        return self.salience.level(min(self.salience.least, self.body.tokens))

    def cut(self, level: float) -> str:
        """What is shown at this level."""
        return self.body.cut(self.salience.claim(level)) if level >= self.shown_from() else GAP

    def tokens(self, level: float) -> float:
        """Its approximate cost at this level."""
        return min(self.body.tokens, self.salience.claim(level))


@dataclass(frozen=True, slots=True)
class _Step:
    """A step with its texts."""

    step: TranscriptStep
    said: _Text | None
    returned: _Text | None

    def shown_from(self) -> float:
        """The level from which the step is worth showing."""
        text = self.said or self.returned
        return 0 if text is None else text.shown_from()

    def show(self, level: float) -> str:
        """The step at this level."""
        return self.step.show(
            self.said and self.said.cut(level), self.returned and self.returned.cut(level)
        )

    def tokens(self, level: float) -> float:
        """Its approximate cost at this level."""
        return _LABEL + sum(w.tokens(level) for w in (self.said, self.returned) if w)

    def cuts(self, level: float) -> Iterator[str]:
        """The kinds of text cut at this level."""
        if self.said and not self.said.fit(level):
            yield "call" if self.step.is_call else "text"
        if self.returned and not self.returned.fit(level):
            yield "tool result"


class _Attempt:
    """All steps of an attempt, to show at any level."""

    def __init__(self, messages: Sequence[Message], max_tokens: int) -> None:
        self._max_tokens = max_tokens
        steps = show_by_change(steps_of(messages))
        window = _window(steps, max_tokens)
        self._parts = [
            _Step(
                step, _text_of(step.said, said, window), _text_of(step.returned, returned, window)
            )
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
        """The indices of steps shown at this level, in order; no more than could ever fit."""
        most = min(len(self._parts), 2 * self._max_tokens // _LABEL + 1)
        count = bisect_right(self._shown_from, (level, len(self._parts)), hi=most)
        return sorted(i for _, i in self._shown_from[:count])

    def barely(self) -> Shortened:
        """The transcript if not even one step fits."""
        count = len(self._parts)
        text = clip_to_tokens(f"[… {_many(count, 'step')} left out]", self._max_tokens)
        left_out = _sentence(Counter(step=count), count)
        return Shortened(text, estimate_tokens(text), left_out)

    def _marker(self, parts: Sequence[_Step]) -> str:
        if len(parts) == 1:
            return parts[0].step.show(GAP, None)
        counted = f"[… {_many(len(parts), 'step')} left out"
        if self._max_tokens < _ROOM_TO_NAME_KINDS:
            return f"{counted}]"
        kinds = Counter(part.step.label for part in parts).most_common(_KINDS_NAMED + 1)
        named = [label if n == 1 else f"{label} \u00d7{n}" for label, n in kinds[:_KINDS_NAMED]]
        return f"{counted}: {', '.join(named)}{', …' * (len(kinds) > _KINDS_NAMED)}]"


def _window(steps: Sequence[TranscriptStep], max_tokens: int) -> int:
    """Characters to consider at either end of a text, so that the budget bounds the work."""
    long = sum(len(text) > _SMALL for s in steps for text in (s.said, s.returned) if text)
    return max(_SMALL, max(_CONSIDERED, 16 * max_tokens) // max(1, long))


def _text_of(text: str | None, salience: Salience, window: int) -> _Text | None:
    return None if text is None else _Text(Body(text, window), salience)


def _is_short(parts: Sequence[_Step]) -> bool:
    """Whether these steps cost no more than the marker that would replace them."""
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
