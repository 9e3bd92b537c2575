"""Whether the library made a difference, in a sentence."""

from __future__ import annotations

from server.practice.metrics.comparison import ArmComparison, Extremes, Paired
from server.practice.metrics.estimates import LEVEL, Interval
from server.practice.metrics.formatting import interval, number, p_value
from server.practice.records import JournalRecord
from server.text import count

FEWEST_TO_TELL = 6  # 2 / 2^5 is above 5%, 2 / 2^6 below
NO_PAIR = "No task has scored attempts in both arms, so nothing is known about a gain."


class Verdict(JournalRecord):
    """What the comparison says.

    Attributes:
        distinguishable: Whether the sign-flip test rejects "no difference" at 5%, whatever the
            unscored attempts would have earned.
        interval_agrees: Whether the bootstrap interval says the same; None without an interval.
        sentence: Both for people, with the figures.
    """

    distinguishable: bool
    interval_agrees: bool | None
    sentence: str


def verdict(found: ArmComparison) -> Verdict:
    """Judge Mean@K by the sign-flip test.

    Mean@K is of scored attempts. A difference counts only if the unscored ones cannot undo it: it
    has to be there at both extremes of what they may have earned.
    """
    mean = found.mean
    if mean is None:
        return Verdict(distinguishable=False, interval_agrees=None, sentence=NO_PAIR)
    rejects = mean.test.p <= LEVEL
    open_ended = rejects and _unscored_may_undo(mean.gain.value, found.extremes)
    distinguishable = rejects and not open_ended
    agrees = None
    if mean.gain.interval is not None:
        agrees = _excludes_zero(mean.gain.interval) == rejects
    sentences = [_judgement(found.k, mean, distinguishable=distinguishable)]
    if open_ended:
        sentences.append(_why_open(found))
    elif agrees is False:
        sentences.append(_disagreement(distinguishable=distinguishable))
    sentences += _too_few(mean)
    return Verdict(
        distinguishable=distinguishable, interval_agrees=agrees, sentence=" ".join(sentences)
    )


def _unscored_may_undo(gain: float, found: Extremes | None) -> bool:
    if found is None:
        return False
    ends = ((found.low, found.low_test), (found.high, found.high_test))
    return any(end * gain <= 0 or test.p > LEVEL for end, test in ends)


def _why_open(found: ArmComparison) -> str:
    without, with_library, ends = found.counts_without, found.counts_with, found.extremes
    assert ends is not None, "something is unscored"
    return (
        f"The scored attempts alone show it, but {without.unscored:,} of "
        f"{count(without.attempts, 'attempt')} without the library and {with_library.unscored:,} "
        f"of {with_library.attempts:,} with it are unscored: depending on what they would have "
        f"earned the gain is between {number(ends.low, signed=True)} and "
        f"{number(ends.high, signed=True)}."
    )


def _excludes_zero(found: Interval) -> bool:
    return found.low > 0 or found.high < 0


def _judgement(k: int, mean: Paired, *, distinguishable: bool) -> str:
    gain = mean.gain
    kind = "loss" if gain.value < 0 else "gain"
    word = "is" if distinguishable else "is not"
    given = gain.interval is not None
    spread = f"{'95% interval ' if given else ''}{interval(gain.interval, signed=True)}"
    return (
        f"The {kind} of {number(abs(gain.value))} in Mean@{k} {word} distinguishable from "
        f"zero at 5% ({spread}, {p_value(mean.test)}, {count(gain.tasks, 'task')})."
    )


def _disagreement(*, distinguishable: bool) -> str:
    if distinguishable:
        return "The interval includes 0, but the sign-flip test decides here."
    return (
        "The interval excludes 0, but the sign-flip test decides here: the interval is too narrow "
        "for few tasks."
    )


def _too_few(mean: Paired) -> list[str]:
    differing = mean.test.differing
    if differing >= FEWEST_TO_TELL:
        return []
    if differing == 0:
        return ["No task differs between the arms."]
    verb = "differs" if differing == 1 else "differ"
    few = f"Only {count(differing, 'task')} {verb} between the arms"
    return [f"{few}; below {FEWEST_TO_TELL} the test cannot reach 5%, whatever the gain."]
