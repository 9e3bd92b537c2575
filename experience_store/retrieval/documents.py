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

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from experience_store.library import Experience
from experience_store.retrieval.postings import OWN_CODE, TOP_LEVEL
from experience_store.retrieval.tokenizer import content_terms

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
