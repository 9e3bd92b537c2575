"""A text that can be shown at any length, with visible gaps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from experience_store.learning.transcript.salience import emphasis
from experience_store.learning.transcript.steps import tidy
from experience_store.token_estimate import clip_to_tokens, estimate_tokens

GAP = "[…]"
_GAP_TOKENS = 3
_SHORT, _LONG = 40, 160  # characters of a piece
_PIECE = re.compile(
    r".{20,160}?[.!?\u3002\uff01\uff1f]['\")]*(?:\s+|$)"  # a sentence,
    r"|.{20,90}[,;}\]](?!\d)\s*"  # as many members of a JSON value as fit,
    r"|.{20,160}\s+"  # as many words as fit,
    r"|.{1,160}",
    re.DOTALL,
)


class Body:
    """A text in pieces of about a sentence, of which the best are shown.

    Pieces near either end and those that stand out (`emphasis`) come first. Of a text far longer
    than the budget, only the ends are considered.
    """

    def __init__(self, text: str, window: int) -> None:
        """Take a text, considering at most `window` characters from either end."""
        whole = len(text) <= 2 * window
        self._ends = (tidy(text),) if whole else (tidy(text[:window]), tidy(text[-window:]))
        self._cuts: dict[int, str] = {}

    @cached_property
    def tokens(self) -> int:
        """Tokens of the whole text; a lower bound if only its ends are considered."""
        return sum(estimate_tokens(end) for end in self._ends)

    def fits(self, tokens: float) -> bool:
        """Whether the whole text fits."""
        return len(self._ends) == 1 and self.tokens <= tokens

    def cut(self, tokens: float) -> str:
        """The text in about that many tokens."""
        if self.fits(tokens):
            return self._ends[0]
        whole = int(tokens)
        if whole not in self._cuts:  # adjacent levels often ask for the same length
            chosen = self._choose(whole)
            self._cuts[whole] = self._join(chosen) if chosen else self._clip(whole)
        return self._cuts[whole]

    def _choose(self, tokens: int) -> list[int]:
        """The best pieces that fit; none if not even the best does."""
        chosen: set[int] = set()
        left = tokens - _GAP_TOKENS
        for index in self._best_first:
            beside = index - 1 in chosen or index + 1 in chosen
            cost = self._costs[index] + (0 if beside else _GAP_TOKENS)
            if cost <= left:
                chosen.add(index)
                left -= cost
            elif not chosen or left < self._cheapest:
                break
        return sorted(chosen)

    def _join(self, chosen: Sequence[int]) -> str:
        parts: list[str] = []
        for before, after in pairwise([-1, *chosen, len(self._pieces)]):
            if after > before + 1:
                parts.append(_gap_after(parts))
            parts += self._pieces[after : after + 1]
        return "".join(parts).strip()

    def _clip(self, tokens: int) -> str:
        """The start of the best piece."""
        if not self._best_first:
            return GAP
        best = self._best_first[0]
        piece = self._pieces[best].strip()
        start = clip_to_tokens(piece, max(0, tokens - 2 * _GAP_TOKENS))
        ends = start == piece and best == len(self._pieces) - 1
        return f"{GAP if best else ''} {start.rstrip(' …')} {'' if ends else GAP}".strip()

    @cached_property
    def _pieces(self) -> list[str]:
        """The pieces in order; an empty one stands for the part that is not considered."""
        first, *rest = map(_pieces_of, self._ends)
        return first + [piece for end in rest for piece in ["", *end]]

    @cached_property
    def _costs(self) -> list[int]:
        return [estimate_tokens(piece) + 1 for piece in self._pieces]

    @cached_property
    def _cheapest(self) -> int:
        return min(cost for piece, cost in zip(self._pieces, self._costs, strict=True) if piece)

    @cached_property
    def _best_first(self) -> list[int]:
        last = len(self._pieces) - 1

        def score(index: int) -> float:
            return 2 / (1 + index) + 3 / (1 + last - index) + emphasis(self._pieces[index])

        looked_at = (index for index, piece in enumerate(self._pieces) if piece)
        return sorted(looked_at, key=score, reverse=True)


def _pieces_of(text: str) -> list[str]:
    """Split a text into pieces: short lines are joined, long ones split at the best place."""
    pieces: list[str] = []
    short = ""
    for line in text.splitlines(keepends=True):
        short += line
        if len(short) >= _SHORT:
            pieces += _split(short)
            short = ""
    return [*pieces, short] if short else pieces


def _split(line: str) -> list[str]:
    pieces = _PIECE.findall(line) if len(line) > _LONG else [line]
    if len(pieces) > 1 and len(pieces[-1]) < _SHORT:
        pieces[-2:] = ["".join(pieces[-2:])]
    return pieces


def _gap_after(parts: list[str]) -> str:
    in_sentence = parts and not parts[-1][-1:].isspace()
    return f" {GAP} " if in_sentence else f"{GAP} "
