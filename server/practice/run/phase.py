"""A phase of a run: what has become of its attempts, and which of them do not count.

An attempt that met an outage (an endpoint, a tool server or a verifier that was down, after all
tries) says nothing about the agent. Counted as a failure it would look like the agent's, and if the
other arm was spared, like a gain or a loss. So it is not recorded, and repeated when the run is
resumed. It stays, unscored, only if the user accepts that.

A prompt that the endpoint refuses among others (too long, filtered) will be refused each time: that
attempt is done, and unscored. An endpoint that refuses every prompt does not take how it is asked,
and no attempt should count because of that. So refusals are held back until it takes a prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from server.practice.records import Rollout, Score, ScoredAttempt
from server.practice.run_errors import RunStoppedError

IN_A_ROW = 10  # consecutive outages or refusals after which no attempt is started;
REFUSED_TASKS = 3  # refusals at so many tasks: attempts at one task are refused together


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """The progress of a phase.

    Attributes:
        what: The phase.
        done: Attempts that are scored or have failed.
        of: All attempts.
        unscored: Unscored attempts among those.
        mean: Mean reward so far; None without one.
    """

    what: str
    done: int
    of: int
    unscored: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class DiscardedWork:
    """A piece of work that is not kept, at least not yet.

    Attributes:
        key: Where the journal would keep it.
        record: What became of it.
        lost: Where the journal keeps what it spent, if it spent anything.
    """

    key: str
    record: Rollout | Score
    lost: str | None


@dataclass
class Phase:
    """What has become of the attempts of a phase.

    Attributes:
        what: The phase, for people.
        of: All attempts.
        accepted: Attempts that may stay unscored because of an outage.
        watch: Called after every attempt.
        discarded: Work that met an outage, which the journal does not hold.
    """

    what: str
    of: int
    accepted: int
    watch: Callable[[PhaseProgress], None]
    discarded: list[DiscardedWork] = field(default_factory=list[DiscardedWork])
    _done: int = 0
    _unscored: int = 0
    _sum: float = 0.0
    _in_a_row: int = 0
    _refusals: HeldRefusals = field(init=False)

    def __post_init__(self) -> None:
        """Begin without refusals."""
        self._refusals = HeldRefusals(self.what, self.accepted)

    def discard(self, discarded: DiscardedWork) -> None:
        """Keep an outage or a refusal out of the journal."""
        if discarded.record.refused:
            self._refusals.hold(discarded)
        else:
            self.discarded.append(discarded)

    def add(self, task_id: str, attempt: ScoredAttempt) -> list[DiscardedWork]:
        """Count a finished attempt; returns the refused ones that the journal may hold now."""
        self._done += 1
        self._refusals.add(task_id, attempt.score)
        if attempt.reward is None:
            self._unscored += 1
        else:
            self._sum += attempt.reward
        self._in_a_row = self._in_a_row + 1 if attempt.score.outage else 0
        scored = self._done - self._unscored
        mean = self._sum / scored if scored else None
        self.watch(PhaseProgress(self.what, self._done, self.of, self._unscored, mean))
        return self._refusals.released(last=self._done == self.of)

    @property
    def outages(self) -> int:
        """Attempts that met an outage and are not recorded."""
        return sum(isinstance(discarded.record, Score) for discarded in self.discarded)

    @property
    def hopeless(self) -> RunStoppedError | None:
        """Why no more should be begun, if so many in a row met an outage or were refused."""
        if self._in_a_row < IN_A_ROW or self.outages <= self.accepted:
            return self._refusals.why_not(last=False)
        return RunStoppedError(
            f"{self.what}: the last {self._in_a_row} attempts all met an outage, so the run stops "
            f"here; mostly because: {self._reason}. Run the same command to continue; it repeats "
            "them."
        )

    @property
    def refused(self) -> RunStoppedError | None:
        """Why the phase cannot count as done, if more met an outage than may."""
        if self.outages and self.outages == self.of:
            broken = any(isinstance(discarded.record, Rollout) for discarded in self.discarded)
            return RunStoppedError(
                f"{self.what}: every {'attempt' if broken else 'score'} failed, so the run stops "
                f"here; mostly because: {self._reason}. Run the same command to try again."
            )
        if (refused := self._refusals.why_not(last=True)) is not None:
            return refused
        if self.outages <= self.accepted:
            return None
        return RunStoppedError(
            f"{self.what}: {self.outages} of {self.of} attempts met an outage; mostly because: "
            f"{self._reason}. Run the same command to repeat them and continue; with "
            f"--accept-failures {self.outages} those that fail again stay unscored."
        )

    @property
    def _reason(self) -> str:
        reasons = Counter(discarded.record.failure or "" for discarded in self.discarded)
        return reasons.most_common(1)[0][0]


@dataclass
class HeldRefusals:
    """The refusals of a phase that are held back.

    Attributes:
        what: The phase, for people.
        accepted: Attempts that may be refused even if the endpoint takes no prompt.
    """

    what: str
    accepted: int
    _held: list[DiscardedWork] = field(default_factory=list[DiscardedWork])
    _tasks: list[str] = field(default_factory=list[str])
    _took_last: bool = False
    _took_any: bool = False

    def hold(self, discarded: DiscardedWork) -> None:
        """Hold back a rollout that was refused, or a score for that reason."""
        self._held.append(discarded)

    def add(self, task_id: str, score: Score) -> None:
        """Count an attempt that is done."""
        self._took_last = not (score.outage or score.refused)
        self._took_any |= self._took_last
        if any(discarded.record is score for discarded in self._held):
            self._tasks.append(task_id)

    def released(self, *, last: bool) -> list[DiscardedWork]:
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
        if count <= self.accepted or not (
            nothing_else or (count >= IN_A_ROW and tasks >= REFUSED_TASKS)
        ):
            return None
        reasons = Counter(discarded.record.failure or "" for discarded in self._held)
        return RunStoppedError(
            f"{self.what}: the last {count} attempts were all refused by an endpoint, so the run "
            f"stops here; mostly because: {reasons.most_common(1)[0][0]}. Once that "
            f"is fixed, run the same command to repeat them; with --accept-failures {count} they "
            "stay unscored."
        )
