"""A model as driver of one update: each request is sent as soon as it is ready.

Every answer is stored as it arrives, so a crash costs at most the calls in flight. While the
endpoint is unavailable nothing is given up: calls in flight are awaited, and the update stays open.
A request fails for good only when the model refuses it or two answers cannot be used.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from experience_store.errors import AnswerRefusedError
from experience_store.learning.prompts import Request
from experience_store.store import GivenAnswer
from experience_store.update_runner import ResumedUpdate, UpdateRunner
from server.learning.models import (
    Correction,
    Model,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)

MAX_TRIES = 2  # an invalid answer is asked for once more

_Outcome: TypeAlias = Reply | ModelRefusedError | ModelUnavailableError


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of an update: requests done (answered or given up) and in flight."""

    update_id: str
    done: int
    open: int


Report: TypeAlias = Callable[[Progress], None]


class ModelDriver:
    """Sends the requests of updates to a model."""

    def __init__(self, runner: UpdateRunner, model: Model) -> None:
        self._runner = runner
        self._model = model

    async def answer_open(self, work: ResumedUpdate, report: Report | None) -> ResumedUpdate:
        """Send every request as soon as it is ready, until none is open.

        Once the model is unavailable no new request is sent; calls in flight are awaited.
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

    async def _put_open(
        self, work: ResumedUpdate, asked: dict[asyncio.Task[_Outcome], Request]
    ) -> None:
        """Send what is open and not in flight; preparing a request twice would be slow."""
        in_flight = {request.id for request in asked.values()}
        for request in await self._runner.ask(work, in_flight):
            asked[asyncio.create_task(self._put(request, None))] = request

    async def _put(self, request: Request, correction: Correction | None) -> _Outcome:
        try:
            return await self._model.ask(request, correction)
        except (ModelRefusedError, ModelUnavailableError) as error:
            return error

    async def _take(
        self, work: ResumedUpdate, request: Request, outcome: Reply | ModelRefusedError, tries: int
    ) -> tuple[ResumedUpdate, Correction | None]:
        """The update with the outcome in it, or the correction to ask again with."""
        if isinstance(outcome, ModelRefusedError):
            return await self._runner.give_up(work, request.id, str(outcome)), None
        answer = GivenAnswer(request.id, outcome.text, model=self._model.name, usage=outcome.usage)
        try:
            return await self._runner.keep(work, answer, last=tries >= MAX_TRIES), None
        except AnswerRefusedError as error:
            if tries < MAX_TRIES:
                return work, Correction(outcome.text, str(error))
            reason = f"{tries} answers could not be used; the last: {error}"
            return await self._runner.give_up(work, request.id, reason), None
