"""Learning: the library learns what a step submitted, and the run waits for it.

A server that is configured with a model learns in the background. Otherwise the run's own teacher
answers the server's requests, as the model of any other host would; what it has answered is kept in
the journal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from server.mcp.results import UpdateOut
from server.practice.client.library_client import (
    LearningView,
    LibraryClient,
    LibraryInfo,
    UpdateView,
    spent_by_server,
)
from server.practice.records import Spent, StepLearning, total
from server.practice.run.journal import Journal
from server.practice.run.teacher import BudgetedModel, Teacher
from server.practice.run_errors import RunStoppedError, gather_or_stop
from server.practice.spending import Budget

POLL_SECONDS = (0.1, 2.0)  # the first and the longest pause while the server learns
REMIND_SECONDS = 10.0  # after which it is told once more to learn: another process may have died


@dataclass
class LibraryLearning:
    """Has a library learn, and reports the outcome.

    Attributes:
        budget: The run's budget; what a server elsewhere spends counts in it.
        teacher: Answers the requests of a server without a model.
        own_model: The model of an embedded server; None for a server elsewhere.
        patience: Seconds to wait for a server on which nothing changes.
        on_held_up: Called with the reason why learning is held up, whenever it changes.
    """

    journal: Journal
    library: LibraryClient
    budget: Budget
    teacher: Teacher | None = None
    own_model: BudgetedModel | None = None
    patience: float = 1800.0
    on_held_up: Callable[[str], None] = lambda _: None
    _told: str = ""

    async def learn(self, key: str) -> LibraryInfo:
        """Learn from all waiting groups; returns the library afterwards.

        Args:
            key: The step's key, under which answers are kept.

        Raises:
            RunStoppedError: If nobody answers the learner, or nothing can be stored.
            EndpointRefusedError: If the run's own endpoint refuses every call.
            BudgetSpentError: If the run may not spend more.
        """
        seen, since = "", time.monotonic()
        while True:
            update = await self.library.start_update()
            while update.status == "awaiting_answers":
                update = await self._answer(update, f"{key}/answers")
            running = update.status == "running"
            info = await (self._wait() if running else self.library.info())
            idle = not (running and info.open_updates)
            if idle and (update.update_id is None or not info.groups.waiting):
                return info
            now_seen = f"{update.update_id} {await self._answered_calls()}"
            if now_seen != seen:
                seen, since = now_seen, time.monotonic()
                continue
            if time.monotonic() - since > self.patience:
                raise RunStoppedError(
                    f"the server has not learned for {self.patience:g} s: {update.next_step}"
                )
            await asyncio.sleep(POLL_SECONDS[1])

    async def outcome(
        self, info: LibraryInfo, before: int, known: Collection[str], by_teacher: Spent
    ) -> StepLearning:
        """What changed in the library since version `before`.

        Args:
            info: The library now.
            before: The version that the step began with.
            known: Ids of updates that do not belong to the step.
            by_teacher: What the run's own teacher spent on it.

        Raises:
            RunStoppedError: If what was learned waits for a person's review.
        """
        updates = [u for u in await self.library.updates() if u.id not in known]
        if any(update.status == "awaiting_review" for update in updates):
            name = self.library.library
            raise RunStoppedError(
                f"what library {name!r} has learned waits for a person's review: decide with "
                f"`experience-mcp review {name}` where its server is, then run this command again"
            )
        moved = info.version > before
        versions = list(reversed(await self.library.versions_since(before))) if moved else []
        return StepLearning(
            before=before,
            version=info.version,
            size=info.experiences,
            changes=[change for v in versions for change in v.changes],
            refused=[refusal for v in versions for refusal in v.refused],
            updates=[u.id for u in updates],
            failed=[u.reason or u.status for u in updates if u.status != "published"],
            spent=self._counted(updates) + by_teacher,
        )

    def _counted(self, updates: Sequence[UpdateView]) -> Spent:
        """What the server spent on updates; of a server elsewhere it counts in the budget now."""
        by_server = spent_by_server(updates)
        spent = total(by_server.values())
        if self.own_model is None:
            self.budget.add_elsewhere(by_server)
        elif self.own_model.estimates:
            return spent.model_copy(update={"estimated": spent.calls})
        return spent

    async def _answer(self, update: UpdateOut, key: str) -> UpdateOut:
        """Have the teacher answer a page of requests."""
        if self.teacher is None:
            raise RunStoppedError(
                "the server has no model to learn with: name one with --teacher, or configure the "
                "server's"
            )
        assert update.update_id is not None, "an update that asks has an id"
        refused = {r.request_id: r.reason for r in update.refused}
        under = f"{key}/{update.update_id}"
        answers = await gather_or_stop(
            [
                self.teacher.answer(self.journal, under, request, refused.get(request.request_id))
                for request in update.requests
            ]
        )
        return await self.library.answer(update.update_id, answers)

    async def _wait(self) -> LibraryInfo:
        """Wait until no update is open, or until the server should be told again to learn."""
        end = time.monotonic() + REMIND_SECONDS
        pause, longest = POLL_SECONDS
        while True:
            await asyncio.sleep(pause)
            info = await self.library.info()
            self._check(info.learning)
            if not info.open_updates or time.monotonic() > end:
                return info
            pause = min(pause * 1.5, longest)

    def _check(self, learning: LearningView) -> None:
        """Report what holds up learning.

        An endpoint comes back by itself; a database that cannot be written needs somebody. The
        budget counts only now, when no call is under way.
        """
        if learning.held_up is None:
            return
        if learning.storage_failed:
            raise RunStoppedError(
                f"what was learned cannot be stored: {learning.held_up}. Once that is fixed (is "
                "the disk full?), run the same command to continue."
            )
        if self.own_model is not None:
            self.own_model.check()
        if learning.held_up != self._told:
            self._told = learning.held_up
            self.on_held_up(learning.held_up)

    async def _answered_calls(self) -> int:
        """How often models have answered the learner: what changes while it learns."""
        return sum(update.usage.calls for update in await self.library.updates())
