"""Splits a long library into topics that a reader can choose from.

A topic is one word that its experiences have in common. The word shared by the most experiences,
but not by so many that the topic would be long, makes the first topic; the remaining experiences
make the next, and so on. Among words shared equally often, the one that comes first in the text
wins, as it more often says what an experience is about. The split is deterministic.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experience_store.library import Experience
from experience_store.retrieval.tokenizer import content_terms

MOST_TOPICS = 80
LEAST_IN_TOPIC = 3
MAX_IN_TOPIC = 60  # experiences, or a 60th of a larger library
LEAST_TOPICS = 60  # of a large library
_SHORTEST_TERM = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its experiences; `name` is empty for those that fit no topic."""

    name: str
    experiences: tuple[Experience, ...]


def topics(experiences: Sequence[Experience]) -> tuple[Topic, ...]:
    """The experiences by topic, large topics first; those that fit none come last."""
    most = max(MAX_IN_TOPIC, -(-len(experiences) // LEAST_TOPICS))
    by_id = {e.id: e for e in experiences}
    terms = {e.id: _terms(e) for e in experiences}
    having = _having(terms)
    counts = Counter({term: len(ids) for term, ids in having.items()})
    places = {t: sum(terms[i][t] for i in ids) / len(ids) for t, ids in having.items()}
    found: list[Topic] = []
    while len(found) < MOST_TOPICS and (term := _next(counts, places, most)):
        ids = [id_ for id_ in having[term] if id_ in terms]
        found.append(Topic(_word(term, [by_id[i] for i in ids]), tuple(by_id[i] for i in ids)))
        for id_ in ids:
            counts.subtract(terms.pop(id_).keys())
    rest = [by_id[id_] for id_ in terms]
    return (*found, *(Topic("", tuple(rest[n : n + most])) for n in range(0, len(rest), most)))


def _terms(experience: Experience) -> dict[str, int]:
    """The terms that may name a topic, each with its first position."""
    found: dict[str, int] = {}
    for place, term in enumerate(content_terms(experience.line())):
        if len(term) >= _SHORTEST_TERM and term.isascii() and term.isalpha():
            found.setdefault(term, place)
    return found


def _having(terms: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    having: dict[str, list[str]] = defaultdict(list)
    for id_, own in terms.items():
        for term in own:
            having[term].append(id_)
    return having


def _next(counts: Counter[str], places: Mapping[str, float], most: int) -> str | None:
    """The most common term among those left that does not make too long a topic."""
    fitting = (t for t, count in counts.items() if LEAST_IN_TOPIC <= count <= most)
    return min(fitting, key=lambda t: (-counts[t], places[t], t), default=None)


def _word(term: str, experiences: Sequence[Experience]) -> str:
    """The most common word whose stem is the term."""
    written: Counter[str] = Counter()
    for experience in experiences:
        for word in experience.line().split():
            plain = "".join(c for c in word.casefold() if c.isascii() and c.isalpha())
            if plain and content_terms(plain) == [term]:
                written[plain] += 1
    return min(written, key=lambda w: (-written[w], w), default=term)
