"""The index over one version of a library."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from heapq import nlargest
from operator import itemgetter

from experience_store.library import Experience
from experience_store.retrieval.bitplanes import (
    Bitplanes,
    add_up,
    at_least,
    exponents,
    from_numbers,
    largest,
    numbers_at,
    slots_of,
)
from experience_store.retrieval.documents import STEPS, Contents, Document, Row
from experience_store.retrieval.postings import (
    LEVEL,
    NOTHING,
    OWN,
    Dense,
    entries_of,
    has_own,
    size,
)
from experience_store.retrieval.tokenizer import content_terms

NEAR = 0.6
"""From this similarity on, two experiences are worth a look as near-duplicates.

Rewordings of lessons by hand came to 0.82 and more, different lessons on the same topic to 0.57 and
less; of pairs of unrelated sentences of one field (Cranfield), one in 10,000 gets here by chance.
"""

_NEAR_AT_LEAST = 6
_QUARTERS = 4
_TASK_HEAD, _TASK_TAIL = 6_000, 2_000
_MAX_QUERY_TERMS = 48
_NUMBER = re.compile(r"\d+$")


class Index:
    """What a library knows about which task.

    An index does not change. `updated` makes the next one and shares with it what is the same.
    """

    __slots__ = ("_contents",)

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    @classmethod
    def build(cls, documents: Iterable[Document]) -> Index:
        """The index of documents; of two with the same id, the later one counts."""
        return cls(Contents.of({d.experience.id: d for d in documents}.values()))

    def updated(self, changed: Iterable[Document], removed: Iterable[str] = ()) -> Index:
        """The index after some experiences came or changed and others went.

        It answers as one that is built anew does.

        Args:
            changed: New experiences, and those whose wording or tasks are not what they were.
            removed: Ids that are gone; those that were not there are ignored.
        """
        contents = self._contents.copy()
        for experience_id in removed:
            contents.drop(experience_id)
        for document in changed:
            contents.put(document)
        return Index(contents)

    def __len__(self) -> int:
        return len(self._contents.slots)

    @property
    def tokens(self) -> int:
        """What all experiences cost as they are served."""
        return self._contents.tokens

    def experience(self, experience_id: str) -> Experience:
        """The experience of an id that is in the index."""
        return self._row(self._contents.slots[experience_id]).experience

    def cost(self, experience_id: str) -> int:
        """Estimated tokens of an experience as it is served: `"G12": "Name: text",`."""
        return self._row(self._contents.slots[experience_id]).cost

    def rank(self, task: str, limit: int) -> list[tuple[str, float]]:
        """The experiences that fit a task best, with their scores; equally good ones newest first.

        Args:
            task: The task; of a very long one, only the beginning and the end are read.
            limit: How many at most; those without a term of the task are never among them.
        """
        if limit < 1:
            return []
        scores = self._added(self._weights(task), LEVEL)
        slots = slots_of(largest(scores, limit))
        ids = (self._row(slot).experience.id for slot in slots)
        best = list(zip(numbers_at(scores, slots), ids, strict=True))
        best.sort(key=lambda pair: (pair[0], *_age(pair[1])), reverse=True)
        return [(id_, score / (STEPS * _QUARTERS)) for score, id_ in best[:limit]]

    def near(self, text: str, threshold: float = NEAR) -> list[str]:
        """The experiences that say much the same in much the same words, the nearest first.

        How near two texts are is how many stemmed content words they share, out of those of the
        text that has fewer: an experience that repeats another and adds a condition is what the
        learner wants to see. Texts of fewer than six words count as six, lest one be near to all
        that happens to contain it, except that the same words are as near as can be.
        """
        terms = dict.fromkeys(content_terms(text), 1)
        bound = min(len(terms), math.ceil(threshold * _NEAR_AT_LEAST))
        shared = self._added(terms, OWN)
        slots = slots_of(at_least(shared, max(1, bound)))
        near = [
            (_similarity(number, len(terms), row.own), row.experience.id)
            for row, number in zip(map(self._row, slots), numbers_at(shared, slots), strict=True)
        ]
        near.sort(key=lambda pair: (pair[0], *_age(pair[1])), reverse=True)
        return [id_ for similarity, id_ in near if similarity >= threshold]

    def _row(self, slot: int) -> Row:
        row = self._contents.rows[slot]
        assert row is not None
        return row

    def _weights(self, task: str) -> dict[str, int]:
        """What each term of a task weighs, of those that the index has; the weightiest only."""
        postings, experiences = self._contents.postings, len(self)
        weights: dict[str, int] = {}
        for term, times in Counter(_query_terms(task)).items():
            if found := postings.get(term):
                weights[term] = _weight(size(found), experiences, times, own=has_own(found))
        if len(weights) <= _MAX_QUERY_TERMS:
            return weights
        return dict(nlargest(_MAX_QUERY_TERMS, weights.items(), key=itemgetter(1)))

    def _added(self, weights: Mapping[str, int], part: range) -> Bitplanes:
        """The sum, for every slot, of weight times a part of the code over the terms."""
        columns: defaultdict[int, list[int]] = defaultdict(list)
        rare: dict[int, int] = {}
        low, mask = part.start, (1 << len(part)) - 1
        for term, weight in weights.items():
            postings = self._contents.postings.get(term, NOTHING)
            if isinstance(postings, Dense):
                for exponent in exponents(weight):
                    for bit in part:
                        columns[exponent + bit - low].append(postings.planes[bit])
            else:
                for slot, code in entries_of(postings):
                    rare[slot] = rare.get(slot, 0) + weight * (code >> low & mask)
        for exponent, plane in enumerate(from_numbers(rare, len(self._contents.rows))):
            columns[exponent].append(plane)
        return add_up([columns[exponent] for exponent in range(max(columns, default=-1) + 1)])


@lru_cache(maxsize=4096)
def _weight(having: int, experiences: int, times: int, *, own: bool) -> int:
    """BM25's inverse document frequency, and how often the task has the term, soon saturated.

    A term that only tasks have and no experience's own words (`own`) counts half: mostly it is a
    name or a number of those tasks. In a small library such a term is as rare as any.
    """
    rarity = math.log1p((experiences - having + 0.5) / (having + 0.5))
    return max(1, round(_QUARTERS * rarity * 2 * times / (times + 1) * (1 if own else 0.5)))


def _similarity(shared: int, terms: int, others: int) -> float:
    return 1.0 if shared == terms == others else shared / max(min(terms, others), _NEAR_AT_LEAST)


def _query_terms(task: str) -> list[str]:
    if len(task) > _TASK_HEAD + _TASK_TAIL:
        task = f"{task[:_TASK_HEAD]} {task[-_TASK_TAIL:]}"
    return content_terms(task)


def _age(experience_id: str) -> tuple[int, str]:
    """Larger for newer ids: they are numbered as they come."""
    number = _NUMBER.search(experience_id)
    return (int(number[0]) if number else 0), experience_id
