"""A number per experience, stored bit by bit (bit-sliced arithmetic).

Slot s of an index (one experience) is bit s of a Python integer. A number per slot is a list of
such integers, the *planes*: plane 0 has the lowest bit of every slot, plane 1 the next one, and so
on. Adding to the numbers of 10,000 slots then takes a few operations on integers of 1.25 kB (0.15
us each) instead of 10,000 additions. So a query with a hundred frequent words is scored against
every experience in a fraction of a millisecond, without numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

Bitplanes = Sequence[int]


def add_up(columns: Sequence[Sequence[int]]) -> Bitplanes:
    """The sum per slot of bit sets; each set in column e counts 2 to the power of e."""
    planes: list[int] = []
    carried: list[int] = []
    for column in columns:
        plane, carried = _reduce([*column, *carried])
        planes.append(plane)
    while carried:
        plane, carried = _reduce(carried)
        planes.append(plane)
    return planes


def _reduce(column: list[int]) -> tuple[int, list[int]]:
    """Reduce a column of bit sets to one plane and the carries into the next column."""
    carried: list[int] = []
    while len(column) > 2:  # noqa: PLR2004 - a full adder takes three
        a, b, c = column.pop(), column.pop(), column.pop()
        half = a ^ b
        column.append(half ^ c)
        carried.append(a & b | half & c)
    if len(column) == 2:  # noqa: PLR2004 - a half adder takes two
        a, b = column.pop(), column.pop()
        column.append(a ^ b)
        carried.append(a & b)
    return (column[0] if column else 0), [bits for bits in carried if bits]


def from_numbers(numbers: Mapping[int, int], slots: int) -> Bitplanes:
    """Planes with the given numbers by slot, and 0 elsewhere."""
    width = max(numbers.values(), default=0).bit_length()
    planes = [bytearray(slots // 8 + 1) for _ in range(width)]
    for slot, number in numbers.items():
        at, bit = slot >> 3, 1 << (slot & 7)
        for exponent in exponents(number):
            planes[exponent][at] |= bit
    return [int.from_bytes(plane, "little") for plane in planes]


@lru_cache(maxsize=4096)
def exponents(number: int) -> tuple[int, ...]:
    """The exponents of the powers of two that a number is made of."""
    return tuple(i for i in range(number.bit_length()) if number >> i & 1)


def largest(planes: Bitplanes, limit: int) -> int:
    """The slots of the `limit` largest numbers above 0, as bits; more if the last ones tie."""
    certain, tied, places = 0, positive(planes), limit
    if tied.bit_count() <= limit:
        return tied
    for plane in reversed(planes):
        higher = tied & plane
        found = higher.bit_count()
        if found >= places:
            tied = higher
        else:
            certain |= higher
            tied ^= higher
            places -= found
    return certain | tied


def at_least(planes: Bitplanes, bound: int) -> int:
    """The slots of numbers that are at least a bound above 0, as bits."""
    certain, tied = 0, positive(planes)
    for i in reversed(range(max(len(planes), bound.bit_length()))):
        plane = planes[i] if i < len(planes) else 0
        if bound >> i & 1:
            tied &= plane
        else:
            certain |= tied & plane
            tied &= ~plane
    return certain | tied


def positive(planes: Bitplanes) -> int:
    """The slots of numbers above 0, as bits."""
    bits = 0
    for plane in planes:
        bits |= plane
    return bits


def slots_of(bits: int) -> list[int]:
    """The slots of a bit set, ascending."""
    digits = bin(bits)[:1:-1]
    slots: list[int] = []
    at = digits.find("1")
    while at >= 0:
        slots.append(at)
        at = digits.find("1", at + 1)
    return slots


def numbers_at(planes: Bitplanes, slots: Sequence[int]) -> list[int]:
    """The numbers at some slots."""
    length = max((plane.bit_length() for plane in planes), default=0) // 8 + 1
    places = [(slot >> 3, 1 << (slot & 7)) for slot in slots]
    numbers = [0] * len(slots)
    for exponent, plane in enumerate(planes):
        row, value = plane.to_bytes(length, "little"), 1 << exponent
        numbers = [
            number + value if row[at] & bit else number
            for number, (at, bit) in zip(numbers, places, strict=True)
        ]
    return numbers
