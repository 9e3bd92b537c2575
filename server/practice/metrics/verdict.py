"""Whether the library made a difference, in a sentence."""

from __future__ import annotations

from server.practice.metrics.comparison import ArmComparison, Paired
from server.practice.metrics.estimates import LEVEL, Interval
from server.practice.metrics.formatting import ARROW, interval, number, p_value
from server.practice.records import JournalRecord
from server.text import count

FEWEST_TO_TELL = 6  # 2 / 2^5 is above 5%, 2 / 2^6 below


class Verdict(JournalRecord):
    """What the comparison says.

    Attributes:
        distinguishable: Whether the sign-flip test rejects "no difference" at 5%, and that does
            not rest on attempts that are unscored.
        interval_agrees: Whether the bootstrap interval says the same; None without an interval.
        sentence: Both for people, with the figures.
    """

    distinguishable: bool
    interval_agrees: bool | None
    sentence: str


def verdict(found: ArmComparison) -> Verdict:
    """Judge Mean@K by the sign-flip test.

    An unscored attempt earns nothing in Mean@K. Where a task has more of them in one arm than in
    the other, a difference may be made of those alone, so the scored attempts have to show it too.
    """
    mean = found.mean
    rejects = mean.test.p <= LEVEL
    hollow = rejects and _rests_on_unscored(found)
    distinguishable = rejects and not hollow
    agrees = None
    if mean.gain.interval is not None:
        agrees = _excludes_zero(mean.gain.interval) == rejects
    sentences = [_judgement(found, distinguishable=distinguishable)]
    if hollow:
        sentences.append(_why_hollow(found))
    elif agrees is False:
        sentences.append(_disagreement(distinguishable=distinguishable))
    sentences += _too_few(mean)
    return Verdict(
        distinguishable=distinguishable, interval_agrees=agrees, sentence=" ".join(sentences)
    )


def _rests_on_unscored(found: ArmComparison) -> bool:
    """Whether the arms differ in unscored attempts, and the scored ones do not say the same.

    Totals that are equal say nothing: easy tasks may fail in one arm, and hard ones in the other.
    """
    if all(pair.unscored_without == pair.unscored_with for pair in found.per_task):
        return False
    scored = found.mean_scored
    if scored is None or scored.test.p > LEVEL:
        return True
    return (scored.gain.value > 0) != (found.mean.gain.value > 0)


def _why_hollow(found: ArmComparison) -> str:
    without, with_library = found.counts_without, found.counts_with
    scored = found.mean_scored
    said = (
        "no task has scored attempts in both"
        if scored is None
        else f"over scored attempts only it is {number(scored.without.value)} {ARROW} "
        f"{number(scored.with_library.value)} ({p_value(scored.test)})"
    )
    return (
        f"The test rejects that, but {without.unscored:,} of {count(without.attempts, 'attempt')} "
        f"without the library and {with_library.unscored:,} of {with_library.attempts:,} with it "
        f"are unscored and count as 0; {said}: the difference may come from the failures alone."
    )


def _excludes_zero(found: Interval) -> bool:
    return found.low > 0 or found.high < 0


def _judgement(found: ArmComparison, *, distinguishable: bool) -> str:
    gain = found.mean.gain
    kind = "loss" if gain.value < 0 else "gain"
    word = "is" if distinguishable else "is not"
    given = gain.interval is not None
    spread = f"{'95% interval ' if given else ''}{interval(gain.interval, signed=True)}"
    return (
        f"The {kind} of {number(abs(gain.value))} in Mean@{found.k} {word} distinguishable from "
        f"zero at 5% ({spread}, {p_value(found.mean.test)}, {count(found.tasks, 'task')})."
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
