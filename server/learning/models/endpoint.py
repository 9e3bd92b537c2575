"""Any OpenAI-compatible endpoint as a model that answers questions.

Requests ask for strict structured output; the client makes do with less where the endpoint declines
it. Answers are parsed leniently anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import openai

from experience_store.learning.answer_json import MAX_CHARS
from server.learning.models import (
    Asked,
    Correction,
    ModelForbiddenError,
    ModelLateError,
    ModelQuotaError,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.learning.models.client import Failure, client_of, failure_of
from server.learning.models.completions import read_reply
from server.learning.slots import Slots
from server.settings import ModelSettings

PROBE = "Answer with the word ok."


class Endpoint:
    """Implements `server.learning.models.Model`."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._client = client_of(settings, Slots(settings.concurrency))
        self._prober = client_of(replace(settings, retries=0))  # needs no slot: all may be taken

    @property
    def name(self) -> str:
        """The model's name."""
        return self._settings.name

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._prober.close()

    async def probe(self) -> None:
        """Ask a tiny question, once; see `server.learning.models.Model.probe`."""
        try:
            await self._create(self._prober, [{"role": "user", "content": PROBE}])
        except openai.APIError as error:
            translated = self._translated(failure_of(error))
            if isinstance(translated, ModelRefusedError):  # nothing can be asked then
                raise ModelForbiddenError(str(translated)) from error
            raise translated from error

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        """Ask a question; see `server.learning.models.Model.ask`.

        An answer that is too long is cut right after the limit.
        """
        messages = _messages(request, correction)
        asked = "\n".join(message["content"] for message in messages)
        try:
            body = await self._create(self._client, messages, _format(request, correction))
        except openai.APIError as error:
            raise await self._meant(failure_of(error)) from error
        reply = read_reply(body, asked, self._settings.prices)
        return replace(reply, text=reply.text[: MAX_CHARS + 1])

    @property
    def _where(self) -> str:
        url = self._settings.public_url
        return f"{self.name} at {url}" if url else self.name

    async def _create(
        self,
        client: openai.AsyncOpenAI,
        messages: Sequence[Mapping[str, str]],
        options: Mapping[str, object] | None = None,
    ) -> object:
        """The JSON of the response."""
        # What `chat.completions.create` calls, without its slow type conversions.
        body = {"model": self.name, "messages": messages, **(options or {})}
        return await client.post("/chat/completions", cast_to=object, body=body)

    async def _meant(self, failure: Failure) -> ModelUnavailableError | ModelRefusedError:
        """The failure as the learner sees it: is a call forbidden, or only this prompt?"""
        if failure.is_moderation:
            try:
                await self.probe()
            except ModelUnavailableError:
                pass
            else:
                return ModelRefusedError(f"{self._where} refused the request: {failure.said}")
        return self._translated(failure)

    def _translated(self, failure: Failure) -> ModelUnavailableError | ModelRefusedError:
        match failure.meaning:
            case "quota":
                return ModelQuotaError(f"{self._where} is out of quota or credit: {failure.said}")
            case "refused":
                return ModelRefusedError(f"{self._where} refused the request: {failure.said}")
            case "forbidden":
                return ModelForbiddenError(f"{self._where} refused access: {failure.said}")
            case "unavailable":
                kind = ModelLateError if failure.late else ModelUnavailableError
                return kind(f"{self._where} failed: {failure.said}")


def _format(request: Asked, correction: Correction | None) -> dict[str, object]:
    """The format of the answer; none after an answer without JSON: asking for it did not help."""
    if correction is not None and "{" not in correction.answer:
        return {}
    schema = {"name": request.step, "strict": True, "schema": request.schema}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _messages(request: Asked, correction: Correction | None) -> list[dict[str, str]]:
    question = {"role": "user", "content": request.prompt}
    if correction is None:
        return [question]
    return [
        question,
        {"role": "assistant", "content": correction.answer[:20_000] or "(empty)"},
        {
            "role": "user",
            "content": (
                f"This answer cannot be used: {correction.reason}\n"
                "Answer again, with the whole JSON object and nothing else."
            ),
        },
    ]
