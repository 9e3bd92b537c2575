"""The index over one version of a library."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from experience_store.library import Experience
from experience_store.retrieval.contents import Contents, Row
from experience_store.retrieval.fields import Document
from experience_store.retrieval.planes import (
    Planes,
    add_up,
    at_least,
    exponents,
    from_numbers,
    largest,
    numbers_at,
    slots_of,
)
from experience_store.retrieval.postings import (
    LEVEL_BITS,
    OWN,
    TOP_LEVEL,
    Dense,
    entries_of,
    size,
)
from experience_store.retrieval.words import content_terms, stop_terms

NEAR = 0.6
"""From this similarity on, two experiences are worth a look as near-duplicates."""

_STEPS = 4  # weights of terms are whole quarters
_NEAR_AT_LEAST = 6
_TASK_HEAD, _TASK_TAIL = 6_000, 2_000
_MAX_QUERY_TERMS = 512
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
        return self._row(experience_id).experience

    def cost(self, experience_id: str) -> int:
        """Estimated tokens of an experience as it is served: `"G12": "Name: text",`."""
        return self._row(experience_id).cost

    def rank(self, task: str, limit: int) -> list[tuple[str, float]]:
        """The experiences that fit a task best, with their scores; equally good ones newest first.

        Args:
            task: What is to be done. Of a very long one, the beginning and the end are read.
            limit: How many at most; those without a term of the task are never among them.
        """
        if limit < 1:
            return []
        scores = self._scores(self._weights(task))
        slots = slots_of(largest(scores, limit))
        found = zip(numbers_at(scores, slots), map(self._id_at, slots), strict=True)
        best = sorted(found, key=lambda pair: (pair[0], *_age(pair[1])), reverse=True)
        return [(id_, score / (TOP_LEVEL * _STEPS)) for score, id_ in best[:limit]]

    def near(self, text: str, threshold: float = NEAR) -> list[str]:
        """The experiences that share most of their wording with a text, the nearest first."""
        terms = set(content_terms(text))
        shared = self._sum({term: 1 for term in terms if term in self._contents.postings}, OWN)
        ...

    def _row(self, experience_id: str) -> Row:
        row = self._contents.rows[self._contents.slots[experience_id]]
        assert row is not None
        return row

    def _id_at(self, slot: int) -> str:
        row = self._contents.rows[slot]
        assert row is not None
        return row.experience.id

    def _weights(self, task: str) -> dict[str, int]:
        """What each term of a task weighs, of those that the index has."""
        counted = Counter(_query_terms(task))
        return {
            term: max(1, round(_STEPS * self._rarity(term) * 2 * n / (n + 1)))
            for term, n in counted.items()
            if term in self._contents.postings
        }

    def _rarity(self, term: str) -> float:
        """The inverse document frequency of a term, as in BM25."""
        having = size(self._contents.postings[term])
        return math.log1p((len(self) - having + 0.5) / (having + 0.5))

    def _scores(self, weights: Mapping[str, int]) -> Planes:
        """The sum of weight times level over the terms, for every slot."""
        columns: defaultdict[int, list[int]] = defaultdict(list)
        rare: dict[int, int] = {}
        for term, weight in weights.items():
            postings = self._contents.postings[term]
            if isinstance(postings, Dense):
                for e in exponents(weight):
                    for i in range(LEVEL_BITS):
                        columns[e + i].append(postings.planes[i])
            else:
                for slot, code in entries_of(postings):
                    rare[slot] = rare.get(slot, 0) + weight * (code & TOP_LEVEL)
        for e, plane in enumerate(from_numbers(rare, len(self._contents.rows))):
            columns[e].append(plane)
        return add_up([columns[e] for e in range(max(columns, default=-1) + 1)])


def _query_terms(task: str) -> list[str]:
    if len(task) > _TASK_HEAD + _TASK_TAIL:
        task = f"{task[:_TASK_HEAD]} {task[-_TASK_TAIL:]}"
    return content_terms(task) or stop_terms(task)


def _age(experience_id: str) -> tuple[int, str]:
    """Larger for newer ids: they are numbered as they come."""
    number = _NUMBER.search(experience_id)
    return (int(number[0]) if number else 0), experience_id
