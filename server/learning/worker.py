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
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from experience_store.errors import LeaseLostError, NotFoundError, StorageError
from experience_store.store import GroupCounts, Store, Trouble, UpdateRecord
from experience_store.store.workers import FRESH_SECONDS
from experience_store.update_runner import UpdateRunner
from server.learning.endpoint_health import EndpointHealth
from server.learning.model_driver import ModelDriver, Report
from server.learning.models import Model, ModelUnavailableError
from server.settings import ModelSettings

logger = logging.getLogger(__name__)

GROUPS_PER_UPDATE = 256
LIBRARIES_AT_ONCE = 32
SHARE = 0.75  # of the concurrent calls that one library may make in the background
_AT_ONCE = -1.0
_LOOKING = ""


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Intervals and timeouts of a worker, in seconds.

    Attributes:
        lease: How long an update stays leased without a heartbeat.
        heartbeat: Interval between heartbeats.
        poll: Interval between looks for work; after trouble it doubles up to `max_pause`.
        abandoned: A host's update that got no answer for this long is taken over.
        round: Pause before a failed request is asked again; it doubles with each round.
        probe: A group that waits this long for others makes the worker try the endpoint.
        patience: A person who waits for the first answer is told after this long if there is none
            to come.
        silence: Calls in flight without any answer for this long do so, too.
    """

    lease: float = 15.0
    heartbeat: float = 5.0
    poll: float = 2.0
    abandoned: float = 3_600.0
    max_pause: float = 300.0
    round: float = 5.0
    probe: float = 10.0
    patience: float = 3.0
    silence: float = 60.0


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
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._checking: asyncio.Task[object] | None = None
        self._rests: dict[str, _Rest] = {}
        self._pause = _Rest(times.poll, times.max_pause)
        self._take_over: set[str] = set()
        self._on_published = on_published
        self._errors: dict[str, _Error] = {}  # by library; of looking for work: by no name
        self._told: tuple[Trouble | None, float] = (None, 0.0)

    @property
    def trouble(self) -> Trouble | None:
        """What holds up learning; None if nothing does."""
        troubles = (error.trouble() for error in self._errors.values())
        return self._health.down or next(troubles, None)

    @property
    def unusable(self) -> StorageError | None:
        """The error, if it is the database that holds up learning."""
        errors = (e.error for e in self._errors.values())
        return next((e for e in errors if isinstance(e, StorageError)), None)

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
                    async with asyncio.timeout(self._until_next_look()):
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
        rest = self._new_rest()
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
                rest = self._new_rest()

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
        if self._pauses():
            return
        try:
            if self._health.down:
                down = await self._health.check()
                self._begin_pause()
                if down:
                    return
            await self._store.groups.offer_again(self._learner)
            for library in await self._candidates():
                if len(self._tasks) < LIBRARIES_AT_ONCE:
                    await self._start(library)
            self._errors.pop(_LOOKING, None)
        except StorageError as error:
            self._note(_LOOKING, error)
        except Exception as error:  # whatever it is, learning goes on later
            logger.exception("looking for work met an error")
            self._note(_LOOKING, error)
        self._begin_pause()

    def _listen(self) -> None:
        """Try the endpoint if it has been silent for long, beside the calls that wait for it."""
        idle = self._checking is None or self._checking.done()
        if idle and not self._health.down and self._health.silence > self._times.silence:
            self._checking = asyncio.create_task(self._health.check())

    async def _candidates(self) -> list[str]:
        """The libraries in which something waits, and nothing is done."""
        waiting = {*await self._store.groups.waiting(), *await self._store.updates.libraries()}
        for library in self._errors.keys() - waiting - {_LOOKING}:
            del self._errors[library]
        return sorted(name for name in waiting - self._tasks.keys() if not self._rests_now(name))

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
                self._errors.pop(library, None)
                if record.status == "open":
                    self._begin_rest(library)
                    return
                self._rests.pop(library, None)
                self._pause.reset()
                self._wake.set()  # others may have paused
                update_id = None if self._pauses() else await self._next(library)
        except ModelUnavailableError:
            logger.debug("the endpoint is down")  # which the pause says
        except (NotFoundError, LeaseLostError) as error:  # deleted or taken over meanwhile
            logger.info("learning was cut short: %s", error)
        except StorageError as error:
            self._note(library, error)
        except Exception as error:  # whatever it is, the other libraries are learned from
            logger.exception("learning in library %r met an error", library)
            self._note(library, error)
            self._begin_rest(library)
        self._begin_pause()

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

    # Pauses and troubles

    def _new_rest(self) -> _Rest:
        return _Rest(self._times.round, self._times.max_pause)

    def _begin_rest(self, library: str) -> None:
        self._rests.setdefault(library, self._new_rest()).begin()
        self._wake.set()

    def _rests_now(self, library: str) -> bool:
        return library in self._rests and self._rests[library].left > 0

    def _stands_still(self) -> bool:
        """Whether what is in the way concerns every library."""
        return bool(self._health.down or self.unusable or _LOOKING in self._errors)

    def _pauses(self) -> bool:
        return self._stands_still() and self._pause.left > 0

    def _begin_pause(self) -> None:
        """If learning stands still, leave what is in the way alone, longer each time."""
        if self._stands_still() and not self._pauses():
            pause = self._pause.begin()
            reason = self.trouble.reason if self.trouble else ""
            logger.warning("learning pauses for %.0f s: %s", pause, reason)
            self._wake.set()

    def _note(self, where: str, error: Exception) -> None:
        known = self._errors.get(where)
        self._errors[where] = _Error(known.since if known else datetime.now(UTC), error, where)

    def _until_next_look(self) -> float:
        if self._pauses():
            return self._pause.left
        rests = [rest.left for rest in self._rests.values() if rest.left > 0]
        return min([self._times.poll, *rests])

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


@dataclass(frozen=True, slots=True)
class _Error:
    since: datetime
    error: Exception
    library: str

    def trouble(self) -> Trouble:
        whole = isinstance(self.error, StorageError) or self.library == _LOOKING
        where = "" if whole else f"in library {self.library!r}: "
        return Trouble(self.since, f"{where}{self.error}")


class _Rest:
    """A pause that doubles each time."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds that are left of it."""
        return self._until - time.monotonic()

    def begin(self) -> float:
        """Begin the next one; returns its seconds."""
        seconds = min(self._next, self._longest)
        self._next = seconds * 2
        self._until = time.monotonic() + seconds
        return seconds

    def reset(self) -> None:
        """Begin with the first pause again."""
        self._next = self._first


def learner_of(settings: ModelSettings) -> str:
    """A model with its endpoint: what decides whether it is worth trying a group again."""
    return f"{settings.name} at {settings.public_url or 'OpenAI'}"


def _waited(counts: GroupCounts) -> float:
    """Seconds that the oldest waiting group has waited."""
    oldest = counts.oldest_waiting
    return (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
