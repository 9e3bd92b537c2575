"""Finds the experiences of a library that fit a task.

An agent asks before every task and should not wait for an embedding model to be downloaded and
loaded. So experiences are ranked by the words they share with the task, with rare words counting
more (BM25), and two additions. The tasks that an experience was learned from count as a second
field with a lower weight, since a lesson is worded more generally than the tasks it is good for; a
word that occurs in no lesson, only in tasks, counts half, as it is mostly a name or a number. And
words are normalised first: stemmed, with identifiers split (see `tokenizer`).

The scoring is unusual. Weights are small integers: how much a term says about an experience is a
level from 1 to 7 (see `documents`), how much it says at all is its inverse document frequency in
quarters. The sum of their products over the terms of a task is computed for all experiences at
once, bit by bit, with operations on integers as long as the library is large (see `bitplanes`). No
experience is skipped, so the ranking by that sum is exact and the same on every machine, and a
query of 300 frequent words takes about a millisecond over 10,000 experiences in plain Python. If a
task has more than 48 terms that the library knows, the 48 with the highest weights count. Compared
with the same formula without rounding, nine of the top ten are the same on the Cranfield
collection, and the quality is the same (`benchmarks/retrieval_quality.py`).

Since those integers are immutable, the index of the next version shares everything unchanged with
its predecessor (`Index.updated`): publishing costs what changed, not the size of the library, and
readers of the old version are not disturbed.

`select` then fills a token budget from the ranking.

Reading order: `tokenizer`, `bitplanes`, `postings`, `documents`, `index`, `selection`.
"""

from experience_store.retrieval.documents import Document
from experience_store.retrieval.index import NEAR, Index
from experience_store.retrieval.selection import Selection, select

__all__ = ["NEAR", "Document", "Index", "Selection", "select"]
