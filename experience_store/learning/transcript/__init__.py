"""Attempts as shown to a language model, within a token budget.

An attempt is a list of *steps*: an utterance, or a tool call with its result. In full (`render`) it
is a numbered transcript. If that is too long, it is shortened by value (`shorten`), by
*water-filling*:

Every text of the attempt is a vessel, and water is poured into all of them until the budget is
spent. At a water level, a text may have `min(weight * level, essential) + level` tokens: it fills
in proportion to its weight up to the length at which a text of its kind has told what matters, and
from there at the same rate as any other. A call that changes something weighs two hundred times as
much as an unremarkable result, so it is shown whole while such results are still a gap; in between
are results that look like errors, the user's messages, and the agent's text (`salience`). The level
is found by bisection: the highest at which the transcript fits, as counted by `estimate_tokens`.

A text that gets less than its length is cut (`truncate`): it is split into pieces of about a
sentence, and the pieces nearest to either end and those that stand out (an answer, a refusal, a
change of mind) are kept. A step without enough room is left out, and a marker counts it. Before all
this, a call that a later one repeats with a change is shown by the change (`dedup`). One rule
decides everything, and gaps are visible.

A text cannot imitate a step, as only steps start at the beginning of a line, nor leave the block
that a prompt puts it in, as tags inside it are quoted (`quote`). The same attempt and budget always
give the same transcript.

Reading order: `steps`, `salience`, `truncate`, `dedup`, `budget`.
"""

from __future__ import annotations

from experience_store.learning.transcript.budget import Shortened, length, render, shorten
from experience_store.learning.transcript.steps import common_beginning, quote

__all__ = ["Shortened", "common_beginning", "length", "quote", "render", "shorten"]
