"""The teacher: a language model of the run that answers the learner's requests.

It may be another model than the one that practises. Where the run embeds the server, the server
learns with the teacher by itself; where a server of somebody else's has no model, the run answers
its requests as a host's model would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from server.learning.models import (
    Asked,
    Correction,
    Model,
    ModelForbiddenError,
    ModelQuotaError,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.mcp.results import RequestOut
from server.practice.records import TeacherAnswer
from server.practice.run.journal import Journal
from server.practice.run_errors import (
    BudgetSpentError,
    EndpointRefusedError,
    QuotaSpentError,
    RunStoppedError,
)
from server.practice.spending import Budget, spent_of


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A request as the server hands it to a host."""

    step: str
    prompt: str
    schema: Mapping[str, object]


class BudgetedModel:
    """A model whose calls are counted, and end with the run's budget.

    The budget is looked at when a call's turn comes, so that no more than the calls in flight
    overshoot it.

    Attributes:
        estimates: Whether tokens had to be estimated, because the endpoint does not report them.
    """

    def __init__(self, model: Model, budget: Budget, concurrency: int) -> None:
        self._model = model
        self._budget = budget
        self._slots = asyncio.Semaphore(concurrency)
        self._forbidden: ModelForbiddenError | None = None
        self._released = asyncio.Event()
        self._released.set()
        self.estimates = False

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    def check(self) -> None:
        """Check whether another call is allowed.

        Raises:
            EndpointRefusedError: If the endpoint refuses every call.
            BudgetSpentError: If the run may not spend more, or the endpoint wants to be paid.
        """
        if self._forbidden is not None:
            raise EndpointRefusedError(f"the teacher does not answer: {self._forbidden}")
        self._budget.check()

    def hold(self) -> None:
        """Start no call until `release`: what the run has spent so far is not known yet."""
        self._released.clear()

    def release(self) -> None:
        """Start the calls that wait, and further ones."""
        self._released.set()

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        """Ask; a spent budget counts as unavailable, so that nothing is given up."""
        await self._released.wait()
        async with self._slots:
            try:
                self._budget.check()
            except BudgetSpentError as error:
                raise ModelUnavailableError(str(error)) from error
            try:
                reply = await self._model.ask(request, correction)
            except ModelForbiddenError as error:
                self._forbidden = error
                raise
            except ModelQuotaError as error:
                self._budget.end(QuotaSpentError(f"the teacher {self.name!r}", error))
                raise
            self._budget.add(spent_of(reply))
            self.estimates |= reply.estimated
            return reply

    async def probe(self) -> None:
        """See `server.learning.models.Model.probe`; its few tokens are not counted."""
        await self._model.probe()

    async def answer(self, request: Asked, correction: Correction | None = None) -> TeacherAnswer:
        """Ask a question of the run's own.

        Raises:
            RunStoppedError: If the model is unavailable.
            EndpointRefusedError: If the endpoint refuses every call.
            BudgetSpentError: If the run may not spend more.
        """
        try:
            reply = await self.ask(request, correction)
        except (ModelUnavailableError, ModelRefusedError) as error:
            self.check()
            raise RunStoppedError(f"the teacher does not answer: {error}") from error
        return TeacherAnswer(text=reply.text, spent=spent_of(reply))

    async def close(self) -> None:
        """Close the connections."""
        await self._model.close()


class Teacher:
    """Answers the requests that a server hands to its hosts."""

    def __init__(self, model: BudgetedModel) -> None:
        self._model = model

    async def answer(
        self, journal: Journal, under: str, request: RequestOut, refused: str | None
    ) -> dict[str, str]:
        """The answer to a request, from the journal if it was given before.

        Raises:
            RunStoppedError: If the teacher is unavailable.
            EndpointRefusedError: If its endpoint refuses every call.
            BudgetSpentError: If the run may not spend more.
        """
        earlier = [a for _, a in journal.all(f"{under}/{request.request_id}/*", TeacherAnswer)]
        if refused is None and earlier:
            answer = earlier[-1]
        else:
            correction = Correction(earlier[-1].text, refused) if refused and earlier else None
            step = request.request_id.partition("-")[0]
            asked = HostRequest(step, request.prompt, request.answer_schema)
            answer = journal.put(
                f"{under}/{request.request_id}/{len(earlier) + 1}",
                await self._model.answer(asked, correction),
            )
        return {"request_id": request.request_id, "answer": answer.text}
