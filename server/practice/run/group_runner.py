"""Groups: every task attempted several times under the same circumstances.

Attempts run concurrently and are recorded as they finish, so their order means nothing. When the
budget is spent, the endpoint refuses or anything unforeseen happens, no further attempt is started;
those in flight finish and are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from server.practice.players import Player
from server.practice.records import AttemptGroup, Rollout, Score, ScoredAttempt, Served, Spent, Task
from server.practice.run.attempts import AttemptSettings, roll_out, score
from server.practice.run.journal import Journal, task_key, write_off
from server.practice.run.phase import DiscardedWork, Phase, PhaseProgress
from server.practice.run.redaction import is_redacted
from server.practice.run_errors import gather_or_stop
from server.practice.spending import Budget
from server.practice.verifiers import Verifier
from server.text import with_experiences

R = TypeVar("R", Rollout, Score)


@dataclass
class GroupRunner:
    """Runs groups, and keeps every rollout and score in the journal.

    The agent and the verifier see everything; what is kept and returned holds no secrets.

    Attributes:
        concurrency: Maximum concurrent attempts.
        seed: The run's seed; the attempts' seeds are derived from it.
        watch: Called after every attempt.
        accepted: Attempts of a phase that may stay unscored because of an outage.
    """

    journal: Journal
    player: Player
    verifier: Verifier
    attempt_settings: AttemptSettings
    budget: Budget
    library: str
    concurrency: int
    seed: int
    watch: Callable[[PhaseProgress], None]
    accepted: int = 0
    _slots: asyncio.Semaphore = field(init=False)
    _stopped: Exception | None = None

    def __post_init__(self) -> None:
        """Prepare the slots."""
        self._slots = asyncio.Semaphore(self.concurrency)

    async def groups(
        self, key: str, what: str, tasks: Sequence[tuple[Task, Served | None]], size: int
    ) -> list[AttemptGroup]:
        """One group for each task, in the order of the tasks.

        Args:
            key: Where the journal keeps them.
            what: The phase, for people.
            tasks: The tasks, each with the experiences that its attempts are given, if any.
            size: Attempts at each task.

        Raises:
            RunStoppedError: If more attempts met an outage than are accepted, or the endpoint takes
                no prompt.
            BudgetSpentError: If the run may not spend more.
            EndpointRefusedError: If no attempt can ever do better.
            StorageError: If the journal cannot be written.
        """
        phase = Phase(what, size * len(tasks), self.accepted, self.watch)
        attempts = await gather_or_stop(
            [
                self._attempt(phase, f"{task_key(key, task.id)}/{number}", task, served)
                for task, served in tasks
                for number in range(1, size + 1)
            ],
        )
        if (refused := phase.refused) is not None:
            raise refused
        self._keep(phase.discarded)
        kept = self.journal.redactor.record
        return [
            AttemptGroup(task=kept(task), attempts=attempts[place * size : (place + 1) * size])
            for place, (task, _) in enumerate(tasks)
        ]

    async def _attempt(
        self, phase: Phase, key: str, task: Task, served: Served | None
    ) -> ScoredAttempt:
        async with self._slots:
            if self._stopped is not None:
                raise self._stopped
            try:
                attempt = await self._make(phase, key, task, served)
            except Exception as error:
                self._stopped = self._stopped or error
                raise
            self._keep(phase.add(task.id, attempt))
            self._stopped = self._stopped or phase.hopeless
            return attempt

    async def _make(
        self, phase: Phase, key: str, task: Task, served: Served | None
    ) -> ScoredAttempt:
        async def play() -> Rollout:
            return await roll_out(
                self.player,
                self._prompt(task, served),
                key=f"{self.seed}/{key}",
                attempt_settings=self.attempt_settings,
                budget=self.budget,
                lost=self._lost,
            )

        async def verify() -> Score:
            return await score(self.verifier, task, rollout, budget=self.budget, lost=self._lost)

        self._drop_half(key)
        rollout = await self._once(phase, f"{key}/rollout", Rollout, play)  # with its secrets
        scored = await self._once(phase, f"{key}/score", Score, verify)
        kept = self.journal.redactor.record  # what is submitted is what the journal holds
        return ScoredAttempt(rollout=kept(rollout), score=kept(scored))

    def _drop_half(self, key: str) -> None:
        """Forget a rollout without a score that cannot be scored any more.

        It met an outage and was not accepted; or what the journal has of it is not what the agent
        said, because secrets were taken out, and a verifier would judge another answer.
        """
        under = f"{key}/rollout"
        rollout = self.journal.get(under, Rollout)
        if rollout is None or not (rollout.outage or is_redacted(rollout)):
            return
        if self.journal.get(f"{key}/score", Score) is None:
            write_off(self.journal, rollout.spent, forget=under)

    async def _once(
        self, phase: Phase, key: str, kind: type[R], work: Callable[[], Awaitable[R]]
    ) -> R:
        """As `Journal.once`, but of an outage or a refusal only the spending is recorded now."""
        found = self.journal.get(key, kind)
        if found is None:
            found = await work()
            if found.outage or found.refused:
                phase.discard(DiscardedWork(key, found, self._lost(found.spent)))
            else:
                self.journal.put(key, found)
        return found

    def _keep(self, final: Sequence[DiscardedWork]) -> None:
        if final:
            self.journal.put_all(
                {discarded.key: discarded.record for discarded in final},
                instead_of=[discarded.lost for discarded in final if discarded.lost is not None],
            )

    def _prompt(self, task: Task, served: Served | None) -> str:
        if served is None or not served.experiences:
            return task.prompt
        return with_experiences(
            task.prompt, served.experiences, library=self.library, version=served.version
        )

    def _lost(self, spent: Spent) -> str | None:
        return write_off(self.journal, spent)
