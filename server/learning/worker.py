"""Background learning with the server's own model.

The worker starts an update when enough groups wait or one has waited long enough, and takes over
updates that another process abandoned. A lease with a heartbeat keeps two servers on one database
from doing the same work. While the endpoint is unavailable the worker backs off exponentially and
resumes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from experience_store.errors import LeaseLostError, NotFoundError, StorageError
from experience_store.store import GroupCounts, Store, UpdateRecord
from experience_store.update_runner import UpdateRunner
from server.learning.model_driver import ModelDriver, Report
from server.learning.models import Model, ModelUnavailableError
from server.settings import ModelSettings

logger = logging.getLogger(__name__)

GROUPS_PER_UPDATE = 256
_AT_ONCE = -1.0


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Intervals and timeouts of a worker, in seconds.

    Attributes:
        lease: How long an update stays leased without a heartbeat.
        heartbeat: Interval between heartbeats.
        poll: Interval between looks for work; after trouble it doubles up to `max_pause`.
        abandoned: A host's update that got no answer for this long is taken over.
    """

    lease: float = 15.0
    heartbeat: float = 5.0
    poll: float = 2.0
    abandoned: float = 3_600.0
    max_pause: float = 300.0


_TIMES = WorkerTimes()


class Worker:
    """Drives updates with a model.

    Attributes:
        trouble: What holds up learning, for people; None if nothing does.
        unusable: The error, if it is the database that holds it up.
    """

    def __init__(
        self,
        store: Store,
        runner: UpdateRunner,
        model: Model,
        settings: ModelSettings,
        on_published: Callable[[str], Awaitable[None]] | None = None,
        *,
        times: WorkerTimes = _TIMES,
        groups_per_update: int = GROUPS_PER_UPDATE,
    ) -> None:
        self._store = store
        self._times = times
        self._groups_per_update = groups_per_update
        self._runner = runner
        self._asking = ModelDriver(runner, model)
        self._author = f"model {model.name}"
        self._settings = settings
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._wake = asyncio.Event()
        self._pause = self._times.poll
        self._take_over: set[str] = set()
        self._on_published = on_published
        self.trouble: str | None = None
        self.unusable: StorageError | None = None

    def wake(self, *, take_over: str | None = None) -> None:
        """Look for work now instead of at the next poll; after trouble, when the pause is over.

        Args:
            take_over: A library whose updates are taken over from a host at once.
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
                self._pause = self._times.poll
                self.trouble = self.unusable = None
            except ModelUnavailableError as error:
                self._trouble(str(error))
            except StorageError as error:
                self.unusable = error
                self._trouble(str(error))
            except NotFoundError as error:  # deleted meanwhile; the others are next
                logger.info("learning was cut short: %s", error)
            except Exception as error:  # whatever it is, learning goes on later
                logger.exception("learning in the background met an error")
                self._trouble(str(error))
            if self.trouble is not None:
                await asyncio.sleep(self._pause)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause)

    async def stop(self, task: asyncio.Task[None]) -> None:
        """End `run`; what is open stays open for the next process."""
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(StorageError):  # then the lease runs out
            await self._store.updates.release_all(self._owner)  # it may have been taking one

    async def learn(self, library: str, report: Report | None = None) -> list[UpdateRecord]:
        """Learn now from all that waits in a library, without regard to thresholds.

        Raises:
            ModelUnavailableError: If the endpoint is out of reach; what was answered is kept.
        """
        closed: list[UpdateRecord] = []
        while True:
            update_id = await self._store.updates.lease(
                library, self._owner, self._times.lease, self._times.abandoned
            ) or await self._begin(library)
            if update_id is None:
                return closed
            closed.append(await self._drive(update_id, report))

    def _trouble(self, reason: str) -> None:
        self.trouble = reason
        self._pause = min(self._pause * 2, self._times.max_pause)
        logger.warning("learning pauses for %.0f s: %s", self._pause, reason)

    async def _work_off(self) -> None:
        """Take over abandoned updates, then start those that are due."""
        while self._take_over:
            library = self._take_over.pop()
            while update_id := await self._store.updates.lease(
                library, self._owner, self._times.lease, _AT_ONCE
            ):
                await self._drive(update_id)
        while update_id := await self._store.updates.lease(
            None, self._owner, self._times.lease, self._times.abandoned
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
        return await self._runner.begin(
            library, "model", self._groups_per_update, (self._owner, self._times.lease)
        )

    async def _drive(self, update_id: str, report: Report | None = None) -> UpdateRecord:
        """Drive an update, leased to this worker, to its end."""
        self.trouble = None  # what held it up may be over
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
            await asyncio.sleep(self._times.heartbeat)
            try:
                await self._store.updates.keep(update_id, self._owner, self._times.lease)
            except LeaseLostError:
                if driving.done() or not await self._is_open(update_id):
                    return  # there is nothing to hold once it is published
                driving.cancel()
                raise

    async def _is_open(self, update_id: str) -> bool:
        return (await self._store.updates.get(update_id)).status == "open"

    async def _answer_all(self, update_id: str, report: Report | None) -> UpdateRecord:
        work = await self._runner.resume(update_id)
        while work.is_open:
            work = await self._asking.answer_open(work, report)
            work = await self._runner.finish(work, author=self._author)
        if self._on_published and work.record.status == "published":
            await self._on_published(work.record.library.name)
        return work.record
