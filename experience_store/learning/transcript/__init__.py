"""Attempts as a language model is shown them, within a budget of tokens.

An attempt becomes *steps*: something said, or a tool call together with what it returned. In full
(`render`) that is a numbered transcript. Too long a one is shortened by value (`shorten`):

Every text of the attempt is a vessel, and water is poured over them all until the budget is used
up. When the water stands at a level, a text may have `min(weight * level, essential) + level`
tokens: it fills by its weight up to the length at which a text of its kind has told what matters,
and from there on like any other. A call that changes something weighs two hundred times as much
as a result that looks fine, so it is whole while such results are still a gap; between them stand
results that read like errors, what the agent was asked, and what it said (`salience`). The level is
found by halving: the highest at which the text fits, as `estimate_tokens` counts it.

A text that may have less than it is long is cut (`truncate`): it falls into pieces of about a
sentence, and the pieces nearest to either end and those that stand out (an answer, a refusal, a
change of mind) are kept. A step without room to say anything is left out, and a marker counts it.
Before all this, a call that a later one repeats with a change is shown by the change (`dedup`).
So one rule decides on everything, and gaps show where they are.

No step can be forged from inside a text, for only a step starts at the beginning of a line; and
no text can leave the block that a prompt puts it in, for tags of ours are quoted (`quote`).
The same attempt and budget give the same text, always.
"""

from __future__ import annotations

from experience_store.learning.transcript.budget import Shortened, length, render, shorten
from experience_store.learning.transcript.quoting import quote
from experience_store.learning.transcript.shared_prefix import common_beginning

__all__ = ["Shortened", "common_beginning", "length", "quote", "render", "shorten"]
