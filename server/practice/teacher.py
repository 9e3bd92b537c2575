"""The teacher: a language model of the run that answers the learner's requests.

It may be another model than the one that practises. Where the run embeds the server, the server
learns with the teacher by itself; where a server of somebody else's has no model, the run answers
its requests as a host's model would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experience_store.store import Usage
from server.models import Asked, Correction, Model, ModelRefusedError, ModelUnavailableError, Reply
from server.practice.errors import RunStoppedError
from server.practice.journal import Journal
from server.practice.records import Record, Spent
from server.practice.spending import BudgetSpentError, Meter
from server.results import RequestOut


class GivenAnswer(Record):
    """What the teacher answered, and what that cost."""

    text: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A request as the server hands it to a host."""

    step: str
    prompt: str
    schema: Mapping[str, object]


class MeteredModel:
    """A model whose calls are counted, and end with the run's budget."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self._model = model
        self._meter = meter

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        """Put a question; a spent budget counts as out of reach, so that nothing is given up."""
        try:
            self._meter.check()
        except BudgetSpentError as error:
            raise ModelUnavailableError(str(error)) from error
        reply = await self._model.ask(request, correction)
        self._meter.add(spent_of(reply.usage))
        return reply

    async def close(self) -> None:
        """Let go of connections."""
        await self._model.close()


class Teacher:
    """Answers the requests that a server hands to its hosts."""

    def __init__(self, model: MeteredModel, meter: Meter) -> None:
        self._model = model
        self._meter = meter

    def check(self) -> None:
        """Raise BudgetSpentError if the run may not spend more."""
        self._meter.check()

    async def answer(
        self, journal: Journal, under: str, request: RequestOut, refused: str | None
    ) -> dict[str, str]:
        """The answer to a request, from the journal if it was given before.

        Raises:
            RunStoppedError: If the teacher is out of reach.
            BudgetSpentError: If the run may not spend more.
        """
        earlier = [a for _, a in journal.all(f"{under}/{request.request_id}/*", GivenAnswer)]
        if refused is None and earlier:
            given = earlier[-1]
        else:
            correction = Correction(earlier[-1].text, refused) if refused and earlier else None
            given = await self._ask(request, correction)
            journal.put(f"{under}/{request.request_id}/{len(earlier) + 1}", given)
        return {"request_id": request.request_id, "answer": given.text}

    async def _ask(self, request: RequestOut, correction: Correction | None) -> GivenAnswer:
        self._meter.check()
        step = request.request_id.partition("-")[0]
        asked = HostRequest(step, request.prompt, request.answer_schema)
        try:
            reply = await self._model.ask(asked, correction)
        except (ModelUnavailableError, ModelRefusedError) as error:
            self._meter.check()
            raise RunStoppedError(f"the teacher does not answer: {error}") from error
        return GivenAnswer(text=reply.text, spent=spent_of(reply.usage))


def spent_of(usage: Usage) -> Spent:
    """What a model's reply reports, in the run's terms."""
    return Spent(
        calls=usage.calls,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        cost=usage.cost,
    )
