"""Background learning with the server's own model.

The worker starts an update when enough groups of a library wait or one has waited long enough, and
takes over updates that another process abandoned. A lease with a heartbeat keeps two servers on one
database from doing the same work.

Each library is worked on by a task of its own, one update at a time, so that none waits for
another. An update whose request failed is put down until the next round. While the endpoint is
down, all of them pause, exponentially longer, and then resume.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime

from experience_store.errors import LeaseLostError, NotFoundError, StorageError
from experience_store.store import GroupCounts, Store, Trouble, UpdateRecord
from experience_store.store.updates import SKEW_SECONDS
from experience_store.store.workers import FRESH_SECONDS, owner_name
from experience_store.update_runner import UpdateRunner
from server.learning.endpoint_health import EndpointHealth
from server.learning.model_driver import ModelDriver, Report
from server.learning.models import Model, ModelUnavailableError
from server.learning.obstacles import LOOKING, Obstacles
from server.learning.times import Rest, WorkerTimes
from server.settings import ModelSettings

logger = logging.getLogger(__name__)

GROUPS_PER_UPDATE = 256
LIBRARIES_AT_ONCE = 32
SHARE = 0.75  # of the concurrent calls that one library may make in the background
_AT_ONCE = -1.0


_TIMES = WorkerTimes()


class Worker:
    """Drives updates with a model."""

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
        self._health = EndpointHealth(model, settings)
        self._asking = ModelDriver(runner, model, self._health)
        self._author = f"model {model.name}"
        self._learner = learner_of(settings)
        self._settings = settings
        self._share = max(1, round(settings.concurrency * SHARE))
        self._owner = owner_name()
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._checking: asyncio.Task[object] | None = None
        self._obstacles = Obstacles(self._health, times, self._wake)
        self._take_over: set[str] = set()
        self._on_published = on_published
        self._told: tuple[Trouble | None, float] = (None, 0.0)

    @property
    def trouble(self) -> Trouble | None:
        """What holds up learning; None if nothing does."""
        return self._obstacles.trouble

    @property
    def unusable(self) -> StorageError | None:
        """The error, if it is the database that holds up learning."""
        return self._obstacles.unusable

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
        try:
            while True:
                self._wake.clear()
                await self._tell()
                self._listen()
                await self._look()
                await self._tell()
                with suppress(TimeoutError):  # `wait_for` may lose a cancellation in Python 3.11
                    async with asyncio.timeout(self._obstacles.until_next_look()):
                        await self._wake.wait()
        finally:
            tasks = [*self._tasks.values(), *([self._checking] if self._checking else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self, task: asyncio.Task[None]) -> None:
        """End `run`; what is open stays open for the next process."""
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(StorageError):  # then the lease runs out
            await self._store.updates.release_all(self._owner)  # it may have been taking one
            if self._told[0] is not None:
                await self._store.workers.recovered(self._owner)

    async def learn(
        self, library: str, report: Report | None = None, *, alone: bool = True
    ) -> list[UpdateRecord]:
        """Learn now from all that waits in a library, without regard to thresholds.

        Args:
            library: Name of the library.
            report: Called with the progress.
            alone: Whether it may make all concurrent calls; otherwise some are left to others.

        Raises:
            ModelUnavailableError: If the endpoint is down; what was answered is kept.
        """
        await self._store.groups.offer_again(self._learner, library)
        closed: list[UpdateRecord] = []
        rest = Rest(self._times.round, self._times.max_pause)
        while True:
            update_id = await self._lease(library) or await self._begin(library)
            if update_id is None:
                return closed
            driving = self._drive(update_id, report, None if alone else self._share)
            record = await self._unless_dead(driving)
            if record.status == "open":
                await asyncio.sleep(rest.begin())
            else:
                closed.append(record)
                rest = Rest(self._times.round, self._times.max_pause)

    async def _unless_dead(self, driving: Coroutine[object, object, UpdateRecord]) -> UpdateRecord:
        """Drive, but not until the last retry if the endpoint is dead from the beginning."""
        task = asyncio.create_task(driving)
        try:
            await asyncio.wait({task}, timeout=None if self._health.known else self._times.patience)
            if not task.done() and not self._health.known and (down := await self._health.check()):
                raise down
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # Looking for work

    async def _look(self) -> None:
        """Start to work on every library that has something to do; report what is in the way."""
        if self._obstacles.pauses:
            return
        try:
            if self._health.down:
                down = await self._health.check()
                self._obstacles.begin_pause()
                if down:
                    return
            await self._store.groups.offer_again(self._learner)
            for library in await self._candidates():
                if len(self._tasks) < LIBRARIES_AT_ONCE:
                    await self._start(library)
            self._obstacles.forget(LOOKING)
        except StorageError as error:
            self._obstacles.note(LOOKING, error)
        except Exception as error:  # whatever it is, learning goes on later
            logger.exception("looking for work met an error")
            self._obstacles.note(LOOKING, error)
        self._obstacles.begin_pause()

    def _listen(self) -> None:
        """Try the endpoint if it has been silent for long, beside the calls that wait for it."""
        idle = self._checking is None or self._checking.done()
        if idle and not self._health.down and self._health.silence > self._times.silence:
            self._checking = asyncio.create_task(self._health.check())

    async def _candidates(self) -> list[str]:
        """The libraries in which something waits, and nothing is done."""
        waiting = {*await self._store.groups.waiting(), *await self._store.updates.libraries()}
        self._obstacles.forget_all_but({*waiting, LOOKING})
        idle = waiting - self._tasks.keys()
        return sorted(name for name in idle if not self._obstacles.rests(name))

    async def _start(self, library: str) -> None:
        with suppress(NotFoundError):  # deleted meanwhile
            update_id = await self._next(library)
            if update_id is not None:
                task = asyncio.create_task(self._work(library, update_id))
                self._tasks[library] = task
                task.add_done_callback(lambda _: self._tasks.pop(library, None))

    async def _next(self, library: str) -> str | None:
        """An update of the library, leased to this worker: an open one, or a new one if due."""
        idle = _AT_ONCE if library in self._take_over else self._times.abandoned
        if update_id := await self._lease(library, idle):
            return update_id
        self._take_over.discard(library)
        counts = await self._store.groups.counts(library)
        if self._is_due(counts):
            return await self._begin(library)
        if not self._health.known and _waited(counts) >= self._times.probe:
            await self._health.check()  # so that it is known before it matters
        return None

    def _is_due(self, counts: GroupCounts) -> bool:
        if counts.waiting >= self._settings.learn_groups:
            return True
        return counts.waiting > 0 and _waited(counts) >= self._settings.learn_after

    async def _lease(self, library: str, idle: float | None = None) -> str | None:
        idle = self._times.abandoned if idle is None else idle
        return await self._store.updates.lease(library, self._owner, self._times.lease, idle)

    async def _begin(self, library: str) -> str | None:
        return await self._runner.begin(
            library,
            "model",
            self._groups_per_update,
            (self._owner, self._times.lease),
            prompt_bound=self._settings.prompt_tokens,
        )

    # Working on one library

    async def _work(self, library: str, update_id: str | None) -> None:
        """Drive an update, and those that are due after it, until one is put down."""
        try:
            while update_id is not None:
                record = await self._drive(update_id, share=self._share)
                self._obstacles.forget(library)
                if record.status == "open":
                    self._obstacles.begin_rest(library)
                    return
                self._obstacles.succeeded(library)
                update_id = None if self._obstacles.pauses else await self._next(library)
        except ModelUnavailableError:
            logger.debug("the endpoint is down")  # which the pause says
        except (NotFoundError, LeaseLostError) as error:  # deleted or taken over meanwhile
            logger.info("learning was cut short: %s", error)
        except StorageError as error:
            self._obstacles.note(library, error)
        except Exception as error:  # whatever it is, the other libraries are learned from
            logger.exception("learning in library %r met an error", library)
            self._obstacles.note(library, error)
            self._obstacles.begin_rest(library)
        self._obstacles.begin_pause()

    async def _drive(
        self, update_id: str, report: Report | None = None, share: int | None = None
    ) -> UpdateRecord:
        """Drive an update, leased to this worker: to its end, or until a request has failed."""
        driving = asyncio.create_task(self._answer_all(update_id, report, share))
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

    async def _answer_all(
        self, update_id: str, report: Report | None, share: int | None
    ) -> UpdateRecord:
        work = await self._runner.resume(update_id)
        while work.is_open:
            work, failed = await self._asking.answer_open(work, report, share)
            if failed:
                break
            work = await self._runner.finish(work, author=self._author, learner=self._learner)
        if self._on_published and work.record.status == "published":
            await self._on_published(work.record.library.name)
        return work.record

    async def _tell(self) -> None:
        """Record in the database what holds up learning, for other processes."""
        told, at = self._told
        trouble, now = self.trouble, time.monotonic()
        if trouble == told and (trouble is None or now - at < FRESH_SECONDS / 3):
            return
        with suppress(StorageError):  # which may be the trouble
            if trouble is None:
                await self._store.workers.recovered(self._owner)
            else:
                await self._store.workers.report(self._owner, trouble)
            self._told = trouble, now


def learner_of(settings: ModelSettings) -> str:
    """A model with its endpoint: what decides whether it is worth trying a group again."""
    bound = f", {settings.prompt_tokens:,} tokens a prompt" if settings.prompt_tokens else ""
    return f"{settings.name} at {settings.public_url or 'OpenAI'}{bound}"


def _waited(counts: GroupCounts) -> float:
    """Seconds that the oldest waiting group has waited: for ever, if its clock was ahead."""
    oldest = counts.oldest_waiting
    waited = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    return waited if waited >= -SKEW_SECONDS else math.inf
