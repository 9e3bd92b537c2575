"""Lessons to find, and the ranking as it is described."""

from __future__ import annotations

import math
import random
from collections import Counter

from experience_store.library import Experience
from experience_store.retrieval import Document, Index
from experience_store.retrieval.documents import codes_of
from experience_store.retrieval.tokenizer import content_terms


def lesson(number: int, text: str, *tasks: str, name: str = "") -> Document:
    return Document(Experience(f"G{number}", name, text), tasks)


def ids(index: Index, task: str, limit: int = 10) -> list[str]:
    return [experience_id for experience_id, _ in index.rank(task, limit)]


AIRLINE = [
    lesson(1, "When a booking is cancelled, verify the insurance before refunding."),
    lesson(2, "When bags are added, count those that are free for the membership."),
    lesson(3, "When a flight is delayed, offer a certificate if the customer complains."),
]


def exhaustive(documents: list[Document], task: str, limit: int) -> list[str]:
    """The ranking as it is described, one experience after the other."""
    codes = {d.experience.id: codes_of(d)[0] for d in documents}
    having = Counter(term for terms in codes.values() for term in terms)
    own = {term for terms in codes.values() for term, code in terms.items() if code & 8}

    def weight(term: str, times: int) -> int:
        rarity = math.log1p((len(codes) - having[term] + 0.5) / (having[term] + 0.5))
        return max(1, round(4 * rarity * 2 * times / (times + 1) / (1 if term in own else 2)))

    weights = {t: weight(t, n) for t, n in Counter(content_terms(task)).items() if having[t]}
    scores = {
        id_: sum(weight * (terms.get(term, 0) & 7) for term, weight in weights.items())
        for id_, terms in codes.items()
    }
    found = [id_ for id_, score in scores.items() if score]
    return sorted(found, key=lambda id_: (-scores[id_], -int(id_[1:])))[:limit]


class Writer:
    """Writes lessons and tasks in a small vocabulary, some words being much more frequent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._words = [f"{a}{b}{c}" for a in "bdfgkl" for b in "aeiou" for c in ("ran", "tel", "m")]
        self._weights = [1 / (n + 1) for n in range(len(self._words))]

    def text(self, words: int) -> str:
        return " ".join(self.random.choices(self._words, self._weights, k=words))

    def lesson(self, number: int) -> Document:
        tasks = [self.text(20) for _ in range(self.random.randrange(3))]
        return lesson(number, self.text(self.random.randrange(4, 25)), *tasks)
