"""A model as driver of one update: each request is sent as soon as it is ready.

Every answer is stored as it arrives, so a crash costs at most the calls in flight. A call that
fails although the endpoint is up is a failed round of its request, which is put aside while the
others go on. While the endpoint is down nothing is counted: calls in flight are awaited, and the
update stays open. A request fails for good only when the model refuses it, when two answers cannot
be used, or after `MAX_ROUNDS` failed rounds; one that gets no answer in time after the first, since
the others would wait for minutes (its group is in the next update again).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeAlias

from experience_store.errors import AnswerRefusedError
from experience_store.learning.prompts import Request
from experience_store.request_id import compared_group
from experience_store.store import GivenAnswer
from experience_store.update_runner import ResumedUpdate, UpdateRunner
from server.learning.endpoint_health import EndpointHealth
from server.learning.models import (
    Correction,
    Model,
    ModelLateError,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.learning.slots import Turn, taking

logger = logging.getLogger(__name__)

MAX_TRIES = 2  # an invalid answer is asked for once more


@dataclass(frozen=True, slots=True)
class _Down:
    """The call failed because the endpoint is down."""


_Outcome: TypeAlias = Reply | ModelRefusedError | ModelUnavailableError | _Down


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was put to the model, or waits for its turn."""

    request: Request
    turn: Turn


@dataclass(frozen=True, slots=True)
class UpdateProgress:
    """Progress of an update.

    Attributes:
        groups: Number of groups whose comparison is done.
        done: Number of requests that are answered or given up.
        open: Number of requests in flight.
    """

    update_id: str
    groups: int
    done: int
    open: int


Report: TypeAlias = Callable[[UpdateProgress], None]


class ModelDriver:
    """Sends the requests of updates to a model."""

    def __init__(self, runner: UpdateRunner, model: Model, health: EndpointHealth) -> None:
        self._runner = runner
        self._model = model
        self._health = health

    async def answer_open(
        self, work: ResumedUpdate, report: Report | None, share: int | None = None
    ) -> tuple[ResumedUpdate, bool]:
        """Send every request as soon as it is ready, until none is open but those that failed.

        Args:
            work: The update.
            report: Called with the progress.
            share: Maximum concurrent calls, where other updates need some too.

        Returns:
            The update, and whether requests that failed are open, to be asked again later.

        Raises:
            ModelUnavailableError: If the endpoint is down. No request is sent after that; calls in
                flight are awaited.
        """
        slots = asyncio.Semaphore(share) if share else nullcontext()
        library = work.record.library.name
        one = _Pass(self._runner, self._model, self._health, library, slots)
        work = await one.run(work, report)
        return work, bool(one.put_aside - work.update.answers.keys())


@dataclass
class _Pass:
    """One pass over the open requests of an update.

    Attributes:
        asked: The requests that are put to the model.
        tries: Number of answers so far, by request.
        put_aside: Ids of the requests that failed in this pass.
        down: The error, if the endpoint is down.
    """

    runner: UpdateRunner
    model: Model
    health: EndpointHealth
    library: str
    slots: AbstractAsyncContextManager[None]
    asked: dict[asyncio.Task[_Outcome], _Asked] = field(
        default_factory=dict[asyncio.Task[_Outcome], _Asked]
    )
    tries: Counter[str] = field(default_factory=Counter[str])
    put_aside: set[str] = field(default_factory=set[str])
    down: ModelUnavailableError | None = None

    async def run(self, work: ResumedUpdate, report: Report | None) -> ResumedUpdate:
        try:
            while True:
                if not self.down:
                    await self._put_open(work)
                if report:
                    report(_progress(work, len(self.asked)))
                if not self.asked:
                    break
                done, _ = await asyncio.wait(self.asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    asked = self.asked.pop(task)
                    if not task.cancelled():
                        work = await self._take(work, asked.request, task.result())
        finally:
            for task in self.asked:
                task.cancel()
            await asyncio.gather(*self.asked, return_exceptions=True)
        if self.down:
            raise self.down
        return work

    async def _put_open(self, work: ResumedUpdate) -> None:
        """Send what is open and not in flight; preparing a request twice would be slow."""
        in_flight = {asked.request.id for asked in self.asked.values()}
        for request in await self.runner.ask(work, in_flight | self.put_aside):
            self._put(request, None)

    def _put(self, request: Request, correction: Correction | None) -> None:
        asked = _Asked(request, Turn(self.library))
        self.asked[asyncio.create_task(self._call(asked, correction))] = asked

    async def _call(self, asked: _Asked, correction: Correction | None) -> _Outcome:
        try:
            async with self.slots:
                with self.health.calling(), taking(asked.turn):
                    reply = await self.model.ask(asked.request, correction)
        except ModelRefusedError as error:
            down = await self.health.check()  # does it refuse this prompt, or all of them?
            return error if down is None else self._stop(down)
        except ModelUnavailableError as error:
            down = await self.health.verdict(error)
            return error if down is None else self._stop(down)
        except Exception as error:  # whatever an answer does to its reader, others are not lost
            logger.exception("a call met an unforeseen error")
            said = f"unforeseen {type(error).__name__}: {error}"
            return ModelUnavailableError(said)
        self.health.answered()
        return reply

    def _stop(self, error: ModelUnavailableError) -> _Down:
        """The endpoint is down: await the calls in flight, and withdraw what waits for its turn."""
        self.down = error
        for task, asked in self.asked.items():
            if asked.turn.began is None and task is not asyncio.current_task():
                task.cancel()
        return _Down()

    async def _take(
        self, work: ResumedUpdate, request: Request, outcome: _Outcome
    ) -> ResumedUpdate:
        """The update with the outcome in it; an answer that cannot be used is asked for again."""
        match outcome:
            case Reply():
                return await self._take_reply(work, request, outcome)
            case ModelRefusedError() | ModelLateError():
                reason = self.health.explain(outcome)
                return await self.runner.give_up(work, request.id, reason)
            case ModelUnavailableError():
                self.put_aside.add(request.id)
                reason = self.health.explain(outcome)
                return await self.runner.count_round(work, request.id, reason)
            case _Down():
                return work

    async def _take_reply(
        self, work: ResumedUpdate, request: Request, reply: Reply
    ) -> ResumedUpdate:
        self.tries[request.id] += 1
        tries = self.tries[request.id]
        answer = GivenAnswer(request.id, reply.text, model=self.model.name, usage=reply.usage)
        unusable = reply.unusable.reason if reply.unusable else None
        try:
            last = tries >= MAX_TRIES
            return await self.runner.keep(work, answer, last=last, unusable=unusable)
        except AnswerRefusedError as error:
            if tries >= MAX_TRIES:
                reason = f"{tries} answers could not be used; the last: {error}"
                return await self.runner.give_up(work, request.id, reason)
            if not self.down:
                self._put(request, Correction(reply.text, str(error)))
            return work


def _progress(work: ResumedUpdate, in_flight: int) -> UpdateProgress:
    answers = work.update.answers
    compared = sum(compared_group(request) is not None for request in answers)
    return UpdateProgress(work.record.id, compared, len(answers), in_flight)
