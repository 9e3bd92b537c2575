"""Postings: the slots in which a term occurs, with a code for each.

A *code* has four bits: the lower three are the level, the weight of the term in the experience,
from 1 to 7; the highest is set if the experience itself contains the term, not just a task it was
learned from. A term of few experiences is stored as entries of slot and code; a term of many as the
four bit planes of its codes, ready to be added up (see `bitplanes`). Postings are immutable, so a
new version of an index shares with the old one everything that did not change.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from experience_store.retrieval.bitplanes import from_numbers, numbers_at, positive, slots_of

LEVEL = range(3)
"""The bits of a code with the level."""
OWN = range(3, 4)
"""The bit of a code that is set if the experience itself contains the term."""
TOP_LEVEL = 7
OWN_CODE = 8

_CODE_BITS = 4
_CODE = 15
_ENTRY = array("I").itemsize
# The size from which a term is dense. Higher makes queries slower, lower makes the index larger.
_DENSE_FROM = 32
_SPARSE_BELOW = 16


class Dense(NamedTuple):
    """The number of experiences with the term, and the planes of their codes."""

    size: int
    planes: tuple[int, ...]


Postings = bytes | Dense
NOTHING: Postings = b""


def pack(slot: int, code: int) -> int:
    """The entry of a slot and a code."""
    return slot << _CODE_BITS | code


def pack_all(entries: array[int]) -> Postings:
    """The postings of entries, at most one per slot."""
    return entries.tobytes() if len(entries) < _DENSE_FROM else _dense(entries)


def size(postings: Postings) -> int:
    """The number of experiences with the term."""
    return postings.size if isinstance(postings, Dense) else len(postings) // _ENTRY


def has_own(postings: Postings) -> bool:
    """Whether any experience itself contains the term, not just a task."""
    if isinstance(postings, Dense):
        return any(postings.planes[bit] for bit in OWN)
    return any(entry & OWN_CODE for entry in memoryview(postings).cast("I"))


def entries_of(sparse: bytes) -> Iterator[tuple[int, int]]:
    """The slots and codes of sparse postings."""
    return ((entry >> _CODE_BITS, entry & _CODE) for entry in memoryview(sparse).cast("I"))


def with_entry(postings: Postings, entry: int) -> Postings:
    """The postings with an entry added, for a slot that has none."""
    if not isinstance(postings, Dense):
        return pack_all(array("I", postings + array("I", [entry]).tobytes()))
    bit = 1 << (entry >> _CODE_BITS)
    planes = tuple(p | bit if entry >> i & 1 else p for i, p in enumerate(postings.planes))
    return Dense(postings.size + 1, planes)


def without_slot(postings: Postings, slot: int) -> Postings:
    """The postings without the entry of a slot."""
    if not isinstance(postings, Dense):
        kept = (entry for entry in memoryview(postings).cast("I") if entry >> _CODE_BITS != slot)
        return array("I", kept).tobytes()
    others = ~(1 << slot)
    dense = Dense(postings.size - 1, tuple(plane & others for plane in postings.planes))
    return _sparse(dense) if dense.size < _SPARSE_BELOW else dense


def _dense(entries: Iterable[int]) -> Dense:
    codes = {entry >> _CODE_BITS: entry & _CODE for entry in entries}
    planes = from_numbers(codes, max(codes) + 1)
    return Dense(len(codes), (*planes, *[0] * (_CODE_BITS - len(planes))))


def _sparse(dense: Dense) -> bytes:
    slots = slots_of(positive(dense.planes))
    codes = numbers_at(dense.planes, slots)
    return array("I", map(pack, slots, codes)).tobytes()
