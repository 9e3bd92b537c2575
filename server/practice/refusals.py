"""Prompts that an endpoint refused, until it is known whether that says something of the prompts.

An endpoint that refuses one prompt among others (too long, filtered) will do so each time: that
attempt is done, and unscored. One that refuses every prompt does not take how it is asked, and no
attempt should count because of that. So refusals are held back until the endpoint takes a prompt.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from server.practice.errors import RunStoppedError
from server.practice.records import Score
from server.practice.undone import Undone

IN_A_ROW = 10  # refused attempts before no more are begun,
TASKS = 3  # if they are at so many tasks: attempts at one task are refused together


@dataclass
class Refusals:
    """The refusals of a phase that are held back.

    Attributes:
        what: The phase, for people.
        accepted: Attempts that may be refused even if the endpoint takes no prompt.
    """

    what: str
    accepted: int
    _held: list[Undone] = field(default_factory=list[Undone])
    _tasks: list[str] = field(default_factory=list[str])
    _took_last: bool = False
    _took_any: bool = False

    def hold(self, undone: Undone) -> None:
        """Hold back a rollout that was refused, or a score for that reason."""
        self._held.append(undone)

    def add(self, task_id: str, score: Score) -> None:
        """Count an attempt that is done."""
        self._took_last = not (score.outage or score.refused)
        self._took_any |= self._took_last
        if any(undone.record is score for undone in self._held):
            self._tasks.append(task_id)

    def released(self, *, last: bool) -> list[Undone]:
        """What need not be held back any more: other prompts are taken, or this is accepted.

        Args:
            last: Whether no further attempt follows in the phase.
        """
        if not (self._took_last or (last and self.why_not(last=True) is None)):
            return []
        released, self._held, self._tasks = self._held, [], []
        return released

    def why_not(self, *, last: bool) -> RunStoppedError | None:
        """Why the run should stop, if the endpoint seems to take no prompt.

        Args:
            last: Whether no further attempt follows in the phase.
        """
        count, tasks = len(self._tasks), len(set(self._tasks))
        nothing_else = last and not self._took_any
        if count <= self.accepted or not (nothing_else or (count >= IN_A_ROW and tasks >= TASKS)):
            return None
        reasons = Counter(undone.record.failure or "" for undone in self._held)
        return RunStoppedError(
            f"{self.what}: the last {count} attempts were all refused by an endpoint, so the run "
            f"stops here; mostly because: {reasons.most_common(1)[0][0]}. The same command makes "
            f"them again, once that is mended; with --accept-failures {count} they stay unscored."
        )
