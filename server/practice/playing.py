"""Groups: every task attempted several times under the same circumstances.

Attempts run side by side and are recorded as they finish, so their order means nothing. When the
budget ends or the endpoint refuses, no further call is begun; what is under way is finished and
kept.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from server.practice.accounts import write_off
from server.practice.errors import EndpointRefusedError, RunStoppedError
from server.practice.journal import Journal, task_key
from server.practice.players import Player
from server.practice.records import Attempt, Group, Rollout, Score, Served, Spent, Task
from server.practice.rollouts import Terms, roll_out, score
from server.practice.spending import Meter
from server.practice.together import all_of
from server.practice.verifiers import Verifier
from server.wording import with_experiences


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
class Playing:
    """Plays groups, and keeps every rollout and score in the journal.

    Attributes:
        concurrency: Attempts under way at once.
        seed: Of the run; attempts' own seeds are made from it.
        watch: Told of every attempt that is done.
    """

    journal: Journal
    player: Player
    verifier: Verifier
    terms: Terms
    meter: Meter
    library: str
    concurrency: int
    seed: int
    watch: Callable[[Tally], None]
    _slots: asyncio.Semaphore = field(init=False)
    _refused: EndpointRefusedError | None = None

    def __post_init__(self) -> None:
        """Prepare the slots."""
        self._slots = asyncio.Semaphore(self.concurrency)

    async def groups(
        self, key: str, what: str, tasks: Sequence[tuple[Task, Served | None]], size: int
    ) -> list[Group]:
        """One group for each task, in the order of the tasks.

        Args:
            key: Where the journal keeps them.
            what: The phase, for people.
            tasks: Each with the experiences that its attempts are given, if any.
            size: Attempts of each.

        Raises:
            RunStoppedError: If nothing at all could be played, or nothing scored.
            BudgetSpentError: If the run may not spend more.
            EndpointRefusedError: If no attempt can ever do better.
        """
        counts = _Counts(what, size * len(tasks), self.watch)

        async def attempt(task: Task, served: Served | None, number: int) -> Attempt:
            done = await self._attempt(f"{task_key(key, task.id)}/{number}", task, served)
            counts.add(done)
            return done

        attempts = await all_of(
            [
                attempt(task, served, number)
                for task, served in tasks
                for number in range(1, size + 1)
            ],
        )
        self._refuse_outage(key, what, attempts)
        return [
            Group(task=task, attempts=attempts[place * size : (place + 1) * size])
            for place, (task, _) in enumerate(tasks)
        ]

    async def _attempt(self, key: str, task: Task, served: Served | None) -> Attempt:
        async with self._slots:
            rollout = await self.journal.once(
                f"{key}/rollout",
                Rollout,
                lambda: self._play(key, self._prompt(task, served)),
            )
            scored = await self.journal.once(
                f"{key}/score",
                Score,
                lambda: score(self.verifier, task, rollout, meter=self.meter, lost=self._lost),
            )
        return Attempt(rollout=rollout, score=scored)

    async def _play(self, key: str, prompt: str) -> Rollout:
        if self._refused is not None:
            raise self._refused
        try:
            return await roll_out(
                self.player,
                prompt,
                key=f"{self.seed}/{key}",
                terms=self.terms,
                meter=self.meter,
                lost=self._lost,
            )
        except EndpointRefusedError as error:
            self._refused = error
            raise

    def _prompt(self, task: Task, served: Served | None) -> str:
        if served is None or not served.experiences:
            return task.prompt
        return with_experiences(
            task.prompt, served.experiences, library=self.library, version=served.version
        )

    def _lost(self, spent: Spent) -> None:
        write_off(self.journal, spent)

    def _refuse_outage(self, key: str, what: str, attempts: Sequence[Attempt]) -> None:
        """Stop where a whole phase failed, and forget the failures: it was no one's attempt.

        Rollouts that used all they may use are not forgotten: they would do so again.
        """
        if not attempts or any(a.reward is not None or a.rollout.exhausted for a in attempts):
            return
        rollouts = [a for a in attempts if a.rollout.failure is not None]
        for name, scored in self.journal.all(f"{key}/*/score", Score):
            write_off(self.journal, scored.spent, forget=name)
        for name, rollout in self.journal.all(f"{key}/*/rollout", Rollout):
            if rollout.failure is not None:
                write_off(self.journal, rollout.spent, forget=name)
        reasons = Counter(a.rollout.failure or a.score.failure or "" for a in attempts)
        reason = reasons.most_common(1)[0][0]
        who = "every attempt" if len(rollouts) == len(attempts) else "every score"
        raise RunStoppedError(
            f"{what}: {who} failed, so the run stops here; mostly because: {reason}. The same "
            "command tries again from here."
        )


class _Counts:
    """Counts what is done of a phase."""

    def __init__(self, what: str, of: int, watch: Callable[[Tally], None]) -> None:
        self._what, self._of, self._watch = what, of, watch
        self._done = self._unscored = 0
        self._sum = 0.0

    def add(self, attempt: Attempt) -> None:
        self._done += 1
        if attempt.reward is None:
            self._unscored += 1
        else:
            self._sum += attempt.reward
        scored = self._done - self._unscored
        mean = self._sum / scored if scored else None
        self._watch(Tally(self._what, self._done, self._of, self._unscored, mean))
