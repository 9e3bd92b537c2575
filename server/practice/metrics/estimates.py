"""Figures from a handful of tasks, and how far to trust them. Standard library only.

The unit is the task: attempts at one task resemble each other, so a task counts once however
often it was attempted. Intervals are percentile bootstraps over tasks (Efron 1979), tests flip the
signs of paired differences (Fisher 1935). Both are seeded: the same data give the same figures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

from server.practice.records import JournalRecord

LEVEL = 0.05
SEED = 20251008
RESAMPLES = 5_000
FLIPS = 20_000
EXACT_UP_TO = 14
_ROUNDING = 1e-9  # of the size of what is added up
_CHUNK = 8
_DRAWN_AT_ONCE = 100_000

ONE_TASK = "one task tells nothing about the spread between tasks"
ALL_ALIKE = "all tasks gave the same figure: resampling them shows no spread"


class Interval(JournalRecord):
    """Both ends of a 95% interval."""

    low: float
    high: float


class Estimate(JournalRecord):
    """A mean over tasks.

    Attributes:
        value: The mean.
        interval: Its 95% interval; None where the tasks do not give one.
        tasks: How many tasks it is of.
        note: Why there is no interval.
    """

    value: float
    interval: Interval | None
    tasks: int
    note: str | None = None


class SignFlip(JournalRecord):
    """The outcome of a sign-flip test.

    Attributes:
        p: How often flipped signs give a mean as far from 0 as the one observed, or farther.
        exact: Whether all flips were tried, or a random sample of them.
        differing: How many differences are not 0; flipping the others changes nothing.
    """

    p: float
    exact: bool
    differing: int


def pass_at_k(attempts: int, passed: int, k: int) -> float:
    """The chance that one of k attempts passes: 1 - C(n-c, k) / C(n, k).

    Unbiased (Chen et al. 2021, arXiv 2107.03374), and 1 where fewer than k attempts failed.
    """
    if not 1 <= k <= attempts or not 0 <= passed <= attempts:
        raise ValueError(f"no Pass@{k} from {passed} of {attempts} attempts")
    return 1 - math.comb(attempts - passed, k) / math.comb(attempts, k)


def mean_of(values: Sequence[float]) -> float:
    """The mean; exactly 0 where the values cancel out but for rounding."""
    size = math.fsum(map(abs, values))
    return _without_rounding(math.fsum(values), size) / len(values)


def _without_rounding(total: float, size: float) -> float:
    """A sum of numbers whose absolute values add up to `size`; 0 if it is no more than rounding."""
    return 0.0 if abs(total) <= _ROUNDING * size else total


def estimate(values: Sequence[float], *, seed: int = SEED, resamples: int = RESAMPLES) -> Estimate:
    """The mean of one value per task, with its interval."""
    mean = mean_of(values)
    if len(values) == 1:
        return Estimate(value=mean, interval=None, tasks=1, note=ONE_TASK)
    if min(values) == max(values):
        return Estimate(value=mean, interval=None, tasks=len(values), note=ALL_ALIKE)
    interval = _interval(tuple(values), seed, resamples)
    return Estimate(value=mean, interval=interval, tasks=len(values))


@lru_cache(maxsize=256)
def _interval(values: tuple[float, ...], seed: int, resamples: int) -> Interval:
    """A bootstrap interval, kept: a report gives the same figure in several places."""
    return bootstrap(values, seed=seed, resamples=resamples)


def bootstrap(values: Sequence[float], *, seed: int = SEED, resamples: int = RESAMPLES) -> Interval:
    """The 95% percentile bootstrap interval of the mean of one value per task.

    It covers what comes from these tasks and these attempts being a sample. It does not cover
    that practice would have taught something else another time (the library is taken as given),
    that the tasks may not stand for others, that model or verifier change or err, or that several
    figures were looked at. With few tasks, below 20 or so, it is somewhat too narrow.
    """
    draw = random.Random(seed)  # noqa: S311  # resampling, not secrets
    means = sorted(_resampled_means(values, draw, resamples))
    outside = int(resamples * LEVEL / 2)
    largest = max(map(abs, values))
    low, high = (_without_rounding(means[end], largest) for end in (outside, -1 - outside))
    return Interval(low=low, high=high)


def _resampled_means(
    values: Sequence[float], draw: random.Random, resamples: int
) -> Iterator[float]:
    """The mean of each resample; many are drawn at once, which is faster than one by one."""
    size = len(values)
    at_once = max(1, _DRAWN_AT_ONCE // size)
    for start in range(0, resamples, at_once):
        end = size * min(at_once, resamples - start)
        drawn = draw.choices(values, k=end)
        yield from (sum(drawn[first : first + size]) / size for first in range(0, end, size))


def sign_flip(differences: Sequence[float], *, seed: int = SEED, flips: int = FLIPS) -> SignFlip:
    """Test whether paired differences are centred on 0, from both sides.

    Without an effect it is chance which of a pair is the first, so every pattern of signs is as
    likely as the one observed. All patterns are tried up to `EXACT_UP_TO` differences; beyond it
    a random sample of them, counting the observed one as a member of it, so that p is never 0.
    """
    sizes = [abs(difference) for difference in differences if difference]
    observed = abs(math.fsum(differences)) - _ROUNDING * math.fsum(sizes)  # rounding is no distance
    exact = len(sizes) <= EXACT_UP_TO
    sums = _signed_sums(sizes) if exact else _sampled_sums(sizes, seed, flips)
    hits = tried = 0
    for total in sums:
        tried += 1
        hits += abs(total) >= observed
    p = hits / tried if exact else (hits + 1) / (tried + 1)
    return SignFlip(p=p, exact=exact, differing=len(sizes))


def _signed_sums(sizes: Sequence[float]) -> list[float]:
    """The sum under every pattern of signs."""
    sums = [0.0]
    for size in sizes:
        sums = [total + signed for total in sums for signed in (size, -size)]
    return sums


def _sampled_sums(sizes: Sequence[float], seed: int, flips: int) -> Iterator[float]:
    """Sums under random patterns of signs; those of each chunk are drawn from a table."""
    draw = random.Random(seed)  # noqa: S311  # resampling, not secrets
    chunks = [sizes[start : start + _CHUNK] for start in range(0, len(sizes), _CHUNK)]
    columns = [draw.choices(_signed_sums(chunk), k=flips) for chunk in chunks]
    return map(math.fsum, zip(*columns, strict=True))
