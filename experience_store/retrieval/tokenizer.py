"""Splits text into the terms that are compared.

A term is a case-folded word, stemmed if it is plain ASCII letters (English stemming does little
harm to other languages, as tasks and experiences are stemmed alike). An identifier is a term as a
whole and in parts: `get_user_id` also as get, user; `HAT136` also as hat, 136. Scripts without
spaces are compared by overlapping pairs of characters. English stop words are not terms.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import chain, pairwise
from typing import Protocol, cast
from unicodedata import normalize

MAX_WORD = 64
_CACHED_WORDS = 30_000
_CACHED_LENGTH = 20

# Han, kana, Hangul; Thai, Lao, Burmese, Khmer
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    "\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Marks that belong to words but that Python's \w does not match (Hebrew, Arabic, Indic)
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff"
_ASCII_WORD = re.compile(rf"[A-Za-z0-9_]{{1,{MAX_WORD}}}")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

# The last line: words of requests, which any task may have and no lesson is about.
_ENGLISH = """
    a about above after again against all also am an and any are aren as at be because been before
    being below between both but by can cannot could couldn d did didn do does doesn doing don down
    during each few for from further get had hadn has hasn have haven having he her here hers
    herself him himself his how i if in into is isn it its itself just ll let m may me might more
    most must mustn my myself no nor not now of off on once only or other our ours ourselves out
    over own re s same shall shan she should shouldn so some such t than that the their theirs them
    themselves then there these they this those through to too under until up upon us ve very was
    wasn we were weren what when where which while who whom why will with won would wouldn you your
    yours yourself yourselves
    please want wanted wants
"""
_STOP_WORDS = frozenset(_ENGLISH.split())


def content_terms(text: str) -> list[str]:
    """The terms of a text in order, without stop words."""
    return list(chain.from_iterable(map(_ANALYSED.__getitem__, _words(text))))


def _words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return _word().findall(normalize("NFKC", text))


@cache
def _word() -> re.Pattern[str]:
    """Compiled when first needed: large character sets take milliseconds of a cold start."""
    spaced = rf"(?:[^\W{_UNSPACED}]|[{_MARKS}]){{1,{MAX_WORD}}}"
    return re.compile(rf"[{_UNSPACED}]+|{spaced}")


@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")


class _Analysed(dict[str, tuple[str, ...]]):
    """A cache of words to their interned terms.

    It is cleared when full, which costs less than tracking the order of use.
    """

    def __missing__(self, word: str) -> tuple[str, ...]:
        terms = tuple(map(sys.intern, _analyse(word)))
        if len(self) >= _CACHED_WORDS:
            self.clear()
        if word.isalpha() and len(word) <= _CACHED_LENGTH:
            self[word] = terms
        return terms


_ANALYSED = _Analysed()


def _analyse(word: str) -> tuple[str, ...]:
    if not word.isascii() and _unspaced().match(word):
        return tuple(map("".join, pairwise(word))) or (word,)
    folded = word.casefold()
    if folded.isalpha() and (word.istitle() or word.islower() or word.isupper()):
        return () if folded in _STOP_WORDS else (_stem(folded),)
    return _analyse_identifier(word, folded.strip("_"))


def _analyse_identifier(word: str, whole: str) -> tuple[str, ...]:
    if not whole:
        return ()
    found: list[str] = _PART.findall(word) if word.isascii() else word.split("_")
    parts = [part.casefold() for part in found if len(part) > 1]
    return (whole, *(_stem(p) for p in parts if p not in _STOP_WORDS and p != whole))


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the package's own spelling


_stemming = threading.Lock()  # a stemmer is not thread-safe


@lru_cache(maxsize=_CACHED_WORDS)
def _stem(word: str) -> str:
    if len(word) < 3 or not word.isascii() or not word.isalpha():  # noqa: PLR2004 - as the stemmer
        return word
    with _stemming:
        return _english().stemWord(word)


@cache
def _english() -> _Stemmer:
    """Snowball's English stemmer in C, which takes 1 us a word, or in Python, which takes 30.

    They give the same stems; pyproject.toml decides which one is installed. Neither has types.
    """
    if find_spec("Stemmer"):
        return cast("_Stemmer", importlib.import_module("Stemmer").Stemmer("english"))
    return cast("_Stemmer", importlib.import_module("snowballstemmer").stemmer("english"))
