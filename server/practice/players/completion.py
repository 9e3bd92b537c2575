"""A player without tools: one completion is the attempt."""

from __future__ import annotations

import openai
from pydantic import JsonValue
from typing_extensions import override

from server.learning.models.client import client_of, failure_of
from server.learning.models.completions import read_reply
from server.learning.models.standard_form import REASONING
from server.practice.players import BrokenOffError, Player, Sampling, UnusableAnswerError
from server.practice.run_errors import EndpointRefusedError, QuotaSpentError
from server.practice.spending import UsageMeter, spent_of
from server.settings import ModelSettings


class CompletionPlayer(Player):
    """One completion is the attempt."""

    def __init__(self, model: ModelSettings, sampling: Sampling) -> None:
        self._model = model
        self._sampling = sampling
        self._client = client_of(model)

    @override
    async def play(self, prompt: str, meter: UsageMeter, seed: int) -> str:
        messages: list[dict[str, JsonValue]] = [{"role": "user", "content": prompt}]
        if self._sampling.instructions:
            messages.insert(0, {"role": "system", "content": self._sampling.instructions})
        meter.messages = list(messages)
        meter.may_call()
        body = await self._create(messages, seed)
        asked = f"{self._sampling.instructions or ''}\n{prompt}"
        reply = read_reply(body, asked, self._model.prices)
        meter.pay(spent_of(reply))
        answer: dict[str, JsonValue] = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            answer[REASONING] = reply.reasoning  # for the teacher
        meter.messages.append(answer)
        if reply.unusable is not None:
            raise UnusableAnswerError(self._model.name, reply.unusable)
        return reply.text

    @override
    async def close(self) -> None:
        await self._client.close()

    async def _create(self, messages: list[dict[str, JsonValue]], seed: int) -> object:
        """The JSON that comes, whatever it holds."""
        body = {"model": self._model.name, "messages": messages, **self._options(seed)}
        try:
            return await self._client.post("/chat/completions", cast_to=object, body=body)
        except openai.APIError as error:
            raise broken_off(self._model.name, error) from error

    def _options(self, seed: int) -> dict[str, JsonValue]:
        sampling = self._sampling
        options: dict[str, JsonValue] = {
            "temperature": sampling.temperature,
            "seed": seed if sampling.seeded else None,
            limit_name(self._model): sampling.max_tokens,
        }
        return {name: value for name, value in options.items() if value is not None}


def limit_name(model: ModelSettings) -> str:
    """The parameter that limits the tokens of a completion.

    OpenAI's newer models refuse the old name, and some compatible servers silently ignore the new
    one.
    """
    return "max_completion_tokens" if model.base_url is None else "max_tokens"


def broken_off(name: str, error: Exception) -> Exception:
    """What an error of the endpoint means for a try.

    What may be moderation is refused like any other prompt: an endpoint that refuses all of them
    ends the run anyway.

    Args:
        name: The model's name.
        error: As the client raised it, or caused by that.
    """
    failure = failure_of(error)
    match failure.meaning:
        case "quota":
            return QuotaSpentError(f"the model {name!r}", failure.said)
        case "forbidden" if not failure.is_moderation:
            return EndpointRefusedError(f"the endpoint refuses the model {name!r}: {failure.said}")
        case "refused" | "forbidden":
            return BrokenOffError(f"{name}: {failure.said}", refused=True)
        case "unavailable":
            return BrokenOffError(f"{name}: {failure.said}")
