"""A player without tools: one completion is the attempt."""

from __future__ import annotations

import json

import openai
from pydantic import JsonValue
from typing_extensions import override

from server.learning.models.completions import NoCompletionError, is_quota_spent, read_reply
from server.learning.models.endpoint import FORBIDDEN, REFUSED
from server.practice.players import BrokenOffError, Player, Sampling
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
        try:
            reply = read_reply(body, asked, self._model.prices)
        except NoCompletionError as error:
            raise BrokenOffError(f"{self._model.name}: {error}") from error
        meter.pay(spent_of(reply))
        meter.messages.append({"role": "assistant", "content": reply.text})
        if reply.filtered:
            raise BrokenOffError(f"{self._model.name}: content filter", outage=False)
        return reply.text

    @override
    async def close(self) -> None:
        await self._client.close()

    async def _create(self, messages: list[dict[str, JsonValue]], seed: int) -> object:
        """The JSON that comes, whatever it holds."""
        body = {"model": self._model.name, "messages": messages, **self._options(seed)}
        try:
            return await self._client.post("/chat/completions", cast_to=object, body=body)
        except openai.APIStatusError as error:
            raise broken_off(error.status_code, self._model.name, error, error.body) from error
        except openai.APIConnectionError as error:
            raise broken_off(None, self._model.name, error) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BrokenOffError(f"{self._model.name}: the answer is not JSON") from error

    def _options(self, seed: int) -> dict[str, JsonValue]:
        sampling = self._sampling
        # OpenAI's newer models know only the one, compatible servers only the other
        most = "max_completion_tokens" if self._model.base_url is None else "max_tokens"
        options: dict[str, JsonValue] = {
            "temperature": sampling.temperature,
            "seed": seed if sampling.seeded else None,
            most: sampling.max_tokens,
        }
        return {name: value for name, value in options.items() if value is not None}


def client_of(model: ModelSettings) -> openai.AsyncOpenAI:
    """A client that retries on 429, 5xx and connection errors."""
    return openai.AsyncOpenAI(
        api_key=model.api_key,
        base_url=model.base_url,
        timeout=model.timeout,
        max_retries=model.retries,
    )


def broken_off(status: int | None, name: str, error: Exception, body: object = None) -> Exception:
    """What an error of the endpoint means for a try.

    Args:
        status: Its HTTP status; None if there was no answer.
        name: The model's name.
        error: As the client raised it.
        body: The error's body, decoded.
    """
    if is_quota_spent(status, body):
        return QuotaSpentError(f"the model {name!r}", error)
    if status in FORBIDDEN:
        return EndpointRefusedError(f"the endpoint refuses the model {name!r}: {_short(error)}")
    return BrokenOffError(f"{name}: {_short(error)}", refused=status in REFUSED)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
