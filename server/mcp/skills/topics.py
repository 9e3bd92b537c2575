"""A long library in parts that a reader can choose between.

Each part is what the experiences in it have in common: one word. The word that most experiences
share, but not so many that the part would be long, makes the first part; what it leaves makes the
next, and so on. Of words that equally many share, that which stands first says more often what an
experience is about. Equal libraries are split equally.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experience_store.library import Experience
from experience_store.retrieval.tokenizer import content_terms

MOST_TOPICS = 80
LEAST_IN_TOPIC = 3
FEW = 60  # experiences that a part may have whatever the size of the library
PARTS = 60  # in how many a large library falls apart at least
_SHORTEST_TERM = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """A part of a library. `name` is what its experiences are about; empty for the rest."""

    name: str
    experiences: tuple[Experience, ...]


def topics(experiences: Sequence[Experience]) -> tuple[Topic, ...]:
    """The experiences by topic, the larger first, and what fits none at the end."""
    most = max(FEW, -(-len(experiences) // PARTS))
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
    """The terms that may name a topic, with the place where each stands first."""
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
    """The term that most of those left have, of terms that do not make too long a part."""
    fitting = (t for t, count in counts.items() if LEAST_IN_TOPIC <= count <= most)
    return min(fitting, key=lambda t: (-counts[t], places[t], t), default=None)


def _word(term: str, experiences: Sequence[Experience]) -> str:
    """The word as it is most often written, of which the term is the stem."""
    written: Counter[str] = Counter()
    for experience in experiences:
        for word in experience.line().split():
            plain = "".join(c for c in word.casefold() if c.isascii() and c.isalpha())
            if plain and content_terms(plain) == [term]:
                written[plain] += 1
    return min(written, key=lambda w: (-written[w], w), default=term)
