"""Where a term occurs: in which slots, and what it says about the experience there.

That is a *code* of four bits: the lower three are the level, how much the term weighs in it, from
1 to 7; the highest tells whether the experience's own words have the term, not just a task it was
learned from. A term of few experiences is kept as entries of slot and code; a term of many as the
four bit planes of its codes, ready to be added up (see `planes`). Postings are values, so a new
version of an index shares with the old one all that did not change.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from experience_store.retrieval.bitplanes import from_numbers, numbers_at, positive, slots_of

LEVEL = range(3)
"""The bits of a code that are the level."""
OWN = range(3, 4)
"""The bit of a code that is set where the term is the experience's own."""
TOP_LEVEL = 7
OWN_CODE = 8

_CODE_BITS = 4
_CODE = 15
_ENTRY = array("I").itemsize
# From here on a term is dense. Looser makes queries slower, tighter makes the index larger.
_DENSE_FROM = 32
_SPARSE_BELOW = 16


class Dense(NamedTuple):
    """How many experiences have the term, and the planes of their codes."""

    size: int
    planes: tuple[int, ...]


Postings = bytes | Dense
NOTHING: Postings = b""


def pack(slot: int, code: int) -> int:
    """An entry."""
    return slot << _CODE_BITS | code


def pack_all(entries: array[int]) -> Postings:
    """The postings of entries, at most one a slot."""
    return entries.tobytes() if len(entries) < _DENSE_FROM else _dense(entries)


def size(postings: Postings) -> int:
    """How many experiences have the term."""
    return postings.size if isinstance(postings, Dense) else len(postings) // _ENTRY


def has_own(postings: Postings) -> bool:
    """Whether the term is among the own words of an experience, not just in tasks."""
    if isinstance(postings, Dense):
        return any(postings.planes[bit] for bit in OWN)
    return any(entry & OWN_CODE for entry in memoryview(postings).cast("I"))


def entries_of(sparse: bytes) -> Iterator[tuple[int, int]]:
    """Slots and codes."""
    return ((entry >> _CODE_BITS, entry & _CODE) for entry in memoryview(sparse).cast("I"))


def with_entry(postings: Postings, entry: int) -> Postings:
    """The postings and an entry more, of a slot that had none."""
    if not isinstance(postings, Dense):
        return pack_all(array("I", postings + array("I", [entry]).tobytes()))
    bit = 1 << (entry >> _CODE_BITS)
    planes = tuple(p | bit if entry >> i & 1 else p for i, p in enumerate(postings.planes))
    return Dense(postings.size + 1, planes)


def without_slot(postings: Postings, slot: int) -> Postings:
    """The postings without the entry of a slot that has one."""
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
