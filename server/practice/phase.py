"""A phase of a run while it goes on: what has become of its attempts, and what an outage undid.

An attempt that met an outage (an endpoint, a tool server or a verifier out of order, after all
tries) says nothing about the agent. Counted as a failure it would look like the agent's, and if the
other arm was spared, like a gain or a loss. So it is not recorded, and made again when the run goes
on. Only somebody who says so has it stay as it is: unscored. What an endpoint refused is its own
matter: see `refusals`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from server.practice.errors import RunStoppedError
from server.practice.records import Attempt, Rollout, Score
from server.practice.refusals import Refusals
from server.practice.undone import Undone

IN_A_ROW = 10  # attempts that meet an outage before no more are begun


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a phase is, for people who watch.

    Attributes:
        what: The phase.
        done: Attempts that are scored or have failed.
        of: All attempts.
        unscored: Of those that are done.
        mean: Of the rewards so far; None without one.
    """

    what: str
    done: int
    of: int
    unscored: int
    mean: float | None


@dataclass
class Phase:
    """What has become of the attempts of a phase.

    Attributes:
        what: The phase, for people.
        of: All attempts.
        accepted: Attempts that may stay unscored because of an outage.
        watch: Told of every attempt that is done.
        undone: What an outage undid and the journal does not hold.
    """

    what: str
    of: int
    accepted: int
    watch: Callable[[Tally], None]
    undone: list[Undone] = field(default_factory=list[Undone])
    _done: int = 0
    _unscored: int = 0
    _sum: float = 0.0
    _in_a_row: int = 0
    _refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        """Begin without refusals."""
        self._refusals = Refusals(self.what, self.accepted)

    def undo(self, undone: Undone) -> None:
        """Keep an outage or a refusal out of the journal."""
        if undone.record.refused:
            self._refusals.hold(undone)
        else:
            self.undone.append(undone)

    def add(self, task_id: str, attempt: Attempt) -> list[Undone]:
        """Count an attempt that is done; what of the refused ones the journal may hold now."""
        self._done += 1
        self._refusals.add(task_id, attempt.score)
        if attempt.reward is None:
            self._unscored += 1
        else:
            self._sum += attempt.reward
        self._in_a_row = self._in_a_row + 1 if attempt.score.outage else 0
        scored = self._done - self._unscored
        mean = self._sum / scored if scored else None
        self.watch(Tally(self.what, self._done, self.of, self._unscored, mean))
        return self._refusals.released(last=self._done == self.of)

    @property
    def outages(self) -> int:
        """Attempts that met an outage and are not recorded."""
        return sum(isinstance(undone.record, Score) for undone in self.undone)

    @property
    def hopeless(self) -> RunStoppedError | None:
        """Why no more should be begun, if so many in a row met an outage or were refused."""
        if self._in_a_row < IN_A_ROW or self.outages <= self.accepted:
            return self._refusals.why_not(last=False)
        return RunStoppedError(
            f"{self.what}: the last {self._in_a_row} attempts all met an outage, so the run stops "
            f"here; mostly because: {self._reason}. The same command goes on from here, and makes "
            "them again."
        )

    @property
    def refused(self) -> RunStoppedError | None:
        """Why the phase cannot count as done, if more met an outage than may."""
        if self.outages and self.outages == self.of:
            broken = any(isinstance(undone.record, Rollout) for undone in self.undone)
            return RunStoppedError(
                f"{self.what}: every {'attempt' if broken else 'score'} failed, so the run stops "
                f"here; mostly because: {self._reason}. The same command tries again from here."
            )
        if (refused := self._refusals.why_not(last=True)) is not None:
            return refused
        if self.outages <= self.accepted:
            return None
        return RunStoppedError(
            f"{self.what}: {self.outages} of {self.of} attempts met an outage; mostly because: "
            f"{self._reason}. The same command makes these again and goes on from here; with "
            f"--accept-failures {self.outages} those that fail again stay unscored."
        )

    @property
    def _reason(self) -> str:
        reasons = Counter(undone.record.failure or "" for undone in self.undone)
        return reasons.most_common(1)[0][0]
