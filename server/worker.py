"""Learning in the background with a model of the server's own.

The worker begins an update when enough groups wait or one has waited long enough, and takes over
updates that another process left behind. A lease with a heartbeat keeps two servers on one
database from doing the same work; every answer is stored as it comes, so a crash costs at most
the calls in flight.

When the endpoint is out of reach nothing is given up: the update stays open and is tried again
later. A request fails for good only when the model refuses it, or its answer cannot be used
twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from experience_store.errors import AnswerRefusedError, LeaseLostError
from experience_store.learner import Learner, Work
from experience_store.learning.update import Request
from experience_store.store import GivenAnswer, GroupCounts, Store, UpdateRecord
from server.models import (
    Correction,
    Model,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.settings import ModelSettings

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
HEARTBEAT_SECONDS = 5.0
POLL_SECONDS = 2.0
ABANDONED_SECONDS = 3_600.0  # a host's update without an answer for so long is taken over
AT_ONCE = -1.0
MAX_PAUSE_SECONDS = 300.0
GROUPS_PER_UPDATE = 256
MAX_TRIES = 2  # an answer that does not fit is asked for once more

_Outcome: TypeAlias = Reply | ModelRefusedError | ModelUnavailableError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an update is: requests answered or given up, and open now."""

    update_id: str
    done: int
    open: int


class Worker:
    """Drives updates with a model."""

    def __init__(
        self,
        store: Store,
        learner: Learner,
        model: Model,
        settings: ModelSettings,
        on_published: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._learner = learner
        self._model = model
        self._settings = settings
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._wake = asyncio.Event()
        self._pause = POLL_SECONDS
        self._take_over: set[str] = set()
        self._on_published = on_published
        self.trouble: str | None = None

    def wake(self, *, take_over: str | None = None) -> None:
        """Look for work now instead of at the next poll.

        Args:
            take_over: A library whose updates are driven even if they wait for a host's answers.
        """
        if take_over is not None:
            self._take_over.add(take_over)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._work_off()
                self._pause = POLL_SECONDS
                self.trouble = None
            except ModelUnavailableError as error:
                self._trouble(str(error))
            except Exception as error:  # whatever it is, learning goes on later
                logger.exception("learning in the background met an error")
                self._trouble(str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause)

    async def stop(self, task: asyncio.Task[None]) -> None:
        """End `run`; what is open stays open for the next process."""
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def learn(
        self, library: str, report: Callable[[Progress], None] | None = None
    ) -> list[UpdateRecord]:
        """Learn now from all that waits in a library, without regard to thresholds.

        Raises:
            ModelUnavailableError: If the endpoint is out of reach; what was answered is kept.
        """
        closed: list[UpdateRecord] = []
        while True:
            update_id = await self._store.updates.lease(
                library, self._owner, LEASE_SECONDS, ABANDONED_SECONDS
            ) or await self._begin(library)
            if update_id is None:
                return closed
            closed.append(await self._drive(update_id, report))

    def _trouble(self, reason: str) -> None:
        self.trouble = reason
        self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)
        logger.warning("learning pauses for %.0f s: %s", self._pause, reason)

    async def _work_off(self) -> None:
        """Take over what was left behind, then begin what is due."""
        while self._take_over:
            library = self._take_over.pop()
            while update_id := await self._store.updates.lease(
                library, self._owner, LEASE_SECONDS, AT_ONCE
            ):
                await self._drive(update_id)
        while update_id := await self._store.updates.lease(
            None, self._owner, LEASE_SECONDS, ABANDONED_SECONDS
        ):
            await self._drive(update_id)
        for library in await self._store.libraries.all():
            while self._is_due(await self._store.groups.counts(library.name)):
                update_id = await self._begin(library.name)
                if update_id is None:
                    break
                await self._drive(update_id)

    def _is_due(self, counts: GroupCounts) -> bool:
        if counts.waiting >= self._settings.learn_groups:
            return True
        oldest = counts.oldest_waiting
        waited = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
        return counts.waiting > 0 and waited >= self._settings.learn_after

    async def _begin(self, library: str) -> str | None:
        return await self._learner.begin(
            library, "model", GROUPS_PER_UPDATE, (self._owner, LEASE_SECONDS)
        )

    async def _drive(
        self, update_id: str, report: Callable[[Progress], None] | None = None
    ) -> UpdateRecord:
        """Bring an update that is leased to this worker to its end."""
        driving = asyncio.create_task(self._answer_all(update_id, report))
        heartbeat = asyncio.create_task(self._keep_lease(update_id, driving))
        try:
            return await driving
        except asyncio.CancelledError as error:
            if heartbeat.done() and not heartbeat.cancelled() and heartbeat.exception():
                raise LeaseLostError(f"update {update_id} was taken over") from error
            raise
        finally:
            driving.cancel()
            heartbeat.cancel()
            await asyncio.gather(driving, heartbeat, return_exceptions=True)
            await asyncio.shield(self._store.updates.release(update_id, self._owner))

    async def _keep_lease(self, update_id: str, driving: asyncio.Task[UpdateRecord]) -> None:
        while not driving.done():
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self._store.updates.keep(update_id, self._owner, LEASE_SECONDS)
            except LeaseLostError:
                if driving.done() or not await self._is_open(update_id):
                    return  # there is nothing to hold once it is published
                driving.cancel()
                raise

    async def _is_open(self, update_id: str) -> bool:
        return (await self._store.updates.get(update_id)).status == "open"

    async def _answer_all(
        self, update_id: str, report: Callable[[Progress], None] | None
    ) -> UpdateRecord:
        work = await self._learner.take_up(update_id)
        while work.is_open:
            work = await self._answer_open(work, report)
            work = await self._learner.settle(work, author=f"model {self._model.name}")
        if self._on_published and work.record.status == "published":
            await self._on_published(work.record.library.name)
        return work.record

    async def _answer_open(self, work: Work, report: Callable[[Progress], None] | None) -> Work:
        """Put every question as soon as it can be put, until none is open.

        Once the model is out of reach no new question is put, and what is under way is awaited.
        """
        asked: dict[asyncio.Task[_Outcome], Request] = {}
        tries: Counter[str] = Counter()
        unavailable: ModelUnavailableError | None = None
        try:
            while True:
                if not unavailable:
                    await self._put_open(work, asked)
                if report:
                    report(Progress(work.record.id, len(work.update.answers), len(asked)))
                if not asked:
                    break
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    request, outcome = asked.pop(task), task.result()
                    if isinstance(outcome, ModelUnavailableError):
                        unavailable = outcome
                        continue
                    tries[request.id] += 1
                    work, again = await self._take(work, request, outcome, tries[request.id])
                    if again and not unavailable:
                        asked[asyncio.create_task(self._put(request, again))] = request
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        if unavailable:
            raise unavailable
        return work

    async def _put_open(self, work: Work, asked: dict[asyncio.Task[_Outcome], Request]) -> None:
        """Put what is open and not under way; to prepare a question once more would take long."""
        under_way = {request.id for request in asked.values()}
        for request in await self._learner.ask(work, under_way):
            asked[asyncio.create_task(self._put(request, None))] = request

    async def _put(self, request: Request, correction: Correction | None) -> _Outcome:
        try:
            return await self._model.ask(request, correction)
        except (ModelRefusedError, ModelUnavailableError) as error:
            return error

    async def _take(
        self, work: Work, request: Request, outcome: Reply | ModelRefusedError, tries: int
    ) -> tuple[Work, Correction | None]:
        """The work with the outcome in it, or what is to be said when asking again."""
        if isinstance(outcome, ModelRefusedError):
            return await self._learner.give_up(work, request.id, str(outcome)), None
        answer = GivenAnswer(request.id, outcome.text, model=self._model.name, usage=outcome.usage)
        try:
            return await self._learner.keep(work, answer), None
        except AnswerRefusedError as error:
            if tries < MAX_TRIES:
                return work, Correction(outcome.text, str(error))
            reason = f"{tries} answers could not be used; the last: {error}"
            return await self._learner.give_up(work, request.id, reason), None
