"""What a document says, term by term.

A document is an experience together with the tasks that it was learned from. A task that resembles
an earlier one should get the lessons of the earlier one even if their wording is general, so the
words of the tasks count too, but less than the lesson's own (BM25F: the fields' term frequencies,
each normalised by the length of its field, are added with weights before they saturate).

Lengths are compared with fixed ones, not with the library's average. An experience has at most a
few dozen words by policy, so there is little to adapt to, and what a term weighs in an experience
then does not change when another experience comes or goes.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from experience_store.library import Experience
from experience_store.retrieval.postings import (
    NOTHING,
    OWN_CODE,
    TOP_LEVEL,
    Postings,
    pack,
    pack_all,
    with_entry,
    without_slot,
)
from experience_store.retrieval.tokenizer import content_terms
from experience_store.token_estimate import estimate_tokens

# Tuned with benchmarks/retrieval_quality.py, which says what was found.
K1 = 1.2
B = 0.6
OWN_LENGTH = 30
TASK_LENGTH = 60
TASK_WEIGHT = 0.5

STEPS = 10
"""Levels are tenths of what saturation tends to. The seventh is the last; few terms get so far."""

MAX_TASKS = 3
MAX_TASK_TERMS = 64
_MAX_TASK_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Document:
    """An experience and the tasks that it was learned from."""

    experience: Experience
    tasks: tuple[str, ...] = ()


def codes_of(document: Document) -> tuple[dict[str, int], int]:
    """The code of every term of a document (see `postings`), and how many terms are its own."""
    own = Counter(content_terms(document.experience.line()))
    tasks, levels = _tasks(document.tasks[:MAX_TASKS])
    share = 1 / _relative_length(own.total(), OWN_LENGTH)
    codes = levels.copy()
    for term, n in own.items():
        codes[term] = OWN_CODE | _level(n * share + tasks.get(term, 0.0))
    return codes, len(own)


@lru_cache(maxsize=64)
def _tasks(tasks: tuple[str, ...]) -> tuple[dict[str, float], dict[str, int]]:
    """The weighted frequencies of the terms of tasks, and the levels that alone they come to.

    The experiences that one group taught come one after the other: hence the cache.
    """
    counts = Counter[str]()
    for task in tasks:
        counts.update(content_terms(task[:_MAX_TASK_CHARACTERS])[:MAX_TASK_TERMS])
    share = TASK_WEIGHT / _relative_length(counts.total(), TASK_LENGTH)
    frequencies = {n: n * share for n in set(counts.values())}
    levels = {n: _level(frequency) for n, frequency in frequencies.items()}
    return (
        {term: frequencies[n] for term, n in counts.items()},
        {term: levels[n] for term, n in counts.items()},
    )


def _relative_length(terms: int, usual: int) -> float:
    return 1 - B + B * terms / usual


def _level(frequency: float) -> int:
    return min(TOP_LEVEL, max(1, round(STEPS * frequency / (frequency + K1))))


class Row(NamedTuple):
    """An experience, its terms, how many of them are its own, what it costs to be served."""

    experience: Experience
    terms: tuple[str, ...]
    own: int
    cost: int


@dataclass(slots=True)
class Contents:
    """Changed only while an index is being made of it.

    Attributes:
        postings: By term; a term that nothing has is not there.
        slots: By id of the experience.
        rows: By slot; None where the slot is free.
        free: Slots to be taken before new ones are made.
        tokens: What all experiences cost together.
    """

    postings: dict[str, Postings] = field(default_factory=dict[str, Postings])
    slots: dict[str, int] = field(default_factory=dict[str, int])
    rows: list[Row | None] = field(default_factory=list["Row | None"])
    free: list[int] = field(default_factory=list[int])
    tokens: int = 0

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Contents:
        """Contents of documents, each of another experience."""
        contents = cls()
        entries: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        for document in documents:
            slot, codes = contents._seat(document)
            base = pack(slot, 0)
            for term, code in codes.items():
                entries[term].append(base | code)
        contents.postings = {term: pack_all(found) for term, found in entries.items()}
        return contents

    def copy(self) -> Contents:
        """Contents that can be changed without changing these."""
        return Contents(
            self.postings.copy(), self.slots.copy(), self.rows.copy(), self.free.copy(), self.tokens
        )

    def put(self, document: Document) -> None:
        """Hold a document, in the place of what there was under its id."""
        self.drop(document.experience.id)
        slot, codes = self._seat(document)
        for term, code in codes.items():
            self.postings[term] = with_entry(self.postings.get(term, NOTHING), pack(slot, code))

    def drop(self, experience_id: str) -> None:
        """Hold an experience no longer, if it is held."""
        slot = self.slots.pop(experience_id, None)
        row = None if slot is None else self.rows[slot]
        if slot is None or row is None:
            return
        for term in row.terms:
            self.postings[term] = without_slot(self.postings[term], slot)
            if self.postings[term] == NOTHING:
                del self.postings[term]
        self.rows[slot] = None
        self.free.append(slot)
        self.tokens -= row.cost

    def _seat(self, document: Document) -> tuple[int, dict[str, int]]:
        """Give a document a slot; its postings are left to the caller, who gets their codes."""
        codes, own = codes_of(document)
        row = Row(document.experience, tuple(codes), own, served_tokens(document.experience))
        if self.free:
            slot = self.free.pop()
            self.rows[slot] = row
        else:
            slot = len(self.rows)
            self.rows.append(row)
        self.slots[row.experience.id] = slot
        self.tokens += row.cost
        return slot, codes


def served_tokens(experience: Experience) -> int:
    """What an experience costs as a pair of the JSON that is served: `"G12": "Name: text",`."""
    key, value = (json.dumps(s, ensure_ascii=False) for s in (experience.id, experience.line()))
    return estimate_tokens(f"{key}: {value},")
