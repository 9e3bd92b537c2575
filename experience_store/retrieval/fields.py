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
from experience_store.retrieval.postings import OWN, TOP_LEVEL
from experience_store.retrieval.words import content_terms, stop_terms

# Tuned with benchmarks/retrieval_quality.py; the maximum is flat, neighbours are 1 % worse.
K1 = 1.2
B = 0.6
OWN_LENGTH = 30
TASK_LENGTH = 60
TASK_WEIGHT = 0.5

MAX_TASKS = 3
MAX_TASK_TERMS = 64
_MAX_TASK_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Document:
    """An experience and the tasks that it was learned from."""

    experience: Experience
    tasks: tuple[str, ...] = ()


def codes_of(document: Document) -> tuple[dict[str, int], int]:
    """The code of every term of a document (see `postings`), and how many of them are its own.

    Stop words are counted in the experience's own words only, for queries that have nothing else;
    they do not count as own.
    """
    line = document.experience.line()
    own, stop = Counter(content_terms(line)), Counter(stop_terms(line))
    tasks = Counter[str]()
    for task in document.tasks[:MAX_TASKS]:
        tasks.update(_task_terms(task))
    own_share = 1 / _relative_length(own.total(), OWN_LENGTH)
    task_share = TASK_WEIGHT / _relative_length(tasks.total(), TASK_LENGTH)
    codes = {term: _level(n * task_share) for term, n in tasks.items()}
    codes |= {term: _level(n * own_share) for term, n in stop.items()}
    for term, n in own.items():
        codes[term] = OWN | _level(n * own_share + tasks[term] * task_share)
    return codes, len(own)


@lru_cache(maxsize=64)
def _task_terms(task: str) -> list[str]:
    """The first terms of a task. Lessons of one group come one after the other: hence the cache."""
    return content_terms(task[:_MAX_TASK_CHARACTERS])[:MAX_TASK_TERMS]


def _relative_length(terms: int, usual: int) -> float:
    return 1 - B + B * terms / usual


def _level(frequency: float) -> int:
    return max(1, round(TOP_LEVEL * frequency / (frequency + K1)))
