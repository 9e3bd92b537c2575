"""Which experiences of a library fit a task.

An agent asks before each task, and has no use for a model of meaning that must be downloaded,
loaded and waited for. So experiences are ranked by the words they share with the task, rare words
counting more (BM25), with two additions. The tasks that an experience was learned from count as a
weaker second field, since a lesson is worded more generally than the tasks it is good for; a word
that no lesson uses itself counts half, being mostly a name or a number of those tasks. And words
are made comparable first: stemmed, identifiers taken apart, see `tokenizer`.

What is unusual is how it is counted. Weights are small whole numbers: how much a term says about an
experience is a level from 1 to 7 (see `documents`), how much it says at all is its inverse document
frequency in quarters. The sum of their products over the terms of a task is computed for all
experiences at once, bit by bit, with operations on integers as long as the library is large (see
`bitplanes`). No experience is skipped, so the ranking by that sum is exact and the same on every
machine, and a query of 300 frequent words takes about a millisecond over 10,000 experiences in
plain Python. If a task has more than 48 terms that the library knows, the 48 weightiest count.
Against the same formula without rounding, nine of the first ten are the same on the Cranfield
collection, and so is the quality (`benchmarks/retrieval_quality.py`).

Since those integers are values, an index of the next version shares all but the changed ones with
its predecessor (`Index.updated`): publishing costs what changed, not the size of the library, and a
reader of the old version is never disturbed.

`select` then fills a token budget from the ranking.
"""

from experience_store.retrieval.documents import Document
from experience_store.retrieval.index import NEAR, Index
from experience_store.retrieval.selection import Selection, select

__all__ = ["NEAR", "Document", "Index", "Selection", "select"]
