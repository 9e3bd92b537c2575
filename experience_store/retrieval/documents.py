"""Documents: how much each says about its terms, and all of them as the contents of an index.

A document is an experience together with the tasks it was learned from. A task that resembles an
earlier one should get its lessons even if their wording is general, so the words of the tasks count
too, but less than the lesson's own (BM25F: the term frequencies of the fields, each normalised by
the length of its field, are added with weights before they saturate).

Lengths are normalised by constants, not by the library's average. By policy an experience has at
most a few dozen words, so there is little to adapt to; and the weight of a term in an experience
then does not change when other experiences come or go.
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

# Tuned with benchmarks/retrieval_quality.py, which has the results.
K1 = 1.2
B = 0.6
OWN_LENGTH = 30
TASK_LENGTH = 60
TASK_WEIGHT = 0.5

STEPS = 10
"""Levels are tenths of the saturation limit. The seventh is the last; few terms reach it."""

MAX_TASKS = 3
MAX_TASK_TERMS = 64
_MAX_TASK_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Document:
    """An experience and the tasks that it was learned from."""

    experience: Experience
    tasks: tuple[str, ...] = ()


def codes_of(document: Document) -> tuple[dict[str, int], int]:
    """The code of each term of a document (see `postings`), and the number of its own terms."""
    own = Counter(content_terms(document.experience.line()))
    tasks, levels = _tasks(document.tasks[:MAX_TASKS])
    share = 1 / _relative_length(own.total(), OWN_LENGTH)
    codes = levels.copy()
    for term, n in own.items():
        codes[term] = OWN_CODE | _level(n * share + tasks.get(term, 0.0))
    return codes, len(own)


@lru_cache(maxsize=64)
def _tasks(tasks: tuple[str, ...]) -> tuple[dict[str, float], dict[str, int]]:
    """The weighted frequencies of the terms of tasks, and the levels of these alone.

    Cached, because experiences learned from one group come one after the other.
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


class IndexRow(NamedTuple):
    """An experience with its terms, the number of its own terms, and its cost when served."""

    experience: Experience
    terms: tuple[str, ...]
    own: int
    cost: int


@dataclass(slots=True)
class Contents:
    """The contents of an index; they change only while the index is being made.

    Attributes:
        postings: Postings by term; terms without any are absent.
        slots: Slots by id of the experience.
        rows: Rows by slot; None if the slot is free.
        free: Free slots, used before new ones.
        tokens: Total cost of all experiences.
    """

    postings: dict[str, Postings] = field(default_factory=dict[str, Postings])
    slots: dict[str, int] = field(default_factory=dict[str, int])
    rows: list[IndexRow | None] = field(default_factory=list["IndexRow | None"])
    free: list[int] = field(default_factory=list[int])
    tokens: int = 0

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Contents:
        """The contents for documents with different ids."""
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
        """A copy that can be changed independently."""
        return Contents(
            self.postings.copy(), self.slots.copy(), self.rows.copy(), self.free.copy(), self.tokens
        )

    def put(self, document: Document) -> None:
        """Add a document, replacing the one with its id."""
        self.drop(document.experience.id)
        slot, codes = self._seat(document)
        for term, code in codes.items():
            self.postings[term] = with_entry(self.postings.get(term, NOTHING), pack(slot, code))

    def drop(self, experience_id: str) -> None:
        """Remove an experience, if present."""
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
        """Give a document a slot and return it with the codes of its terms, for the postings."""
        codes, own = codes_of(document)
        row = IndexRow(document.experience, tuple(codes), own, served_tokens(document.experience))
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
    """Estimated tokens of an experience as a pair in JSON: `"G12": "Name: text",`."""
    key, value = (json.dumps(s, ensure_ascii=False) for s in (experience.id, experience.line()))
    return estimate_tokens(f"{key}: {value},")
