"""A player without tools: one completion is the attempt."""

from __future__ import annotations

import json

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from server.models.endpoint import is_completion, said
from server.practice.players import BrokenOffError, Sampling
from server.practice.players.endpoint import broken_off, client_of
from server.practice.spending import Tab, priced
from server.settings import ModelSettings


class Completion:
    """Implements `server.practice.players.Player`."""

    def __init__(self, model: ModelSettings, sampling: Sampling) -> None:
        self._model = model
        self._sampling = sampling
        self._client = client_of(model)

    async def play(self, prompt: str, tab: Tab, seed: int) -> str:
        """Ask once; see `Player.play`."""
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": prompt}]
        if self._sampling.instructions:
            messages.insert(0, {"role": "system", "content": self._sampling.instructions})
        tab.messages = [{"role": str(m["role"]), "content": _text(m)} for m in messages]
        tab.may_call()
        completion = await self._create(messages, seed)
        used = completion.usage
        if used is None:
            tab.pay(priced(self._model.prices, prompt=0, cached=0, completion=0))
        else:
            cached = (used.prompt_tokens_details and used.prompt_tokens_details.cached_tokens) or 0
            tab.pay(
                priced(
                    self._model.prices,
                    prompt=used.prompt_tokens,
                    cached=cached,
                    completion=used.completion_tokens,
                )
            )
        answer = said(completion)
        tab.messages.append({"role": "assistant", "content": answer})
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _create(
        self, messages: list[ChatCompletionMessageParam], seed: int
    ) -> ChatCompletion:
        sampling, own = self._sampling, self._model.base_url is None
        most = openai.omit if sampling.max_tokens is None else sampling.max_tokens
        try:
            completion = await self._client.chat.completions.create(
                model=self._model.name,
                messages=messages,
                temperature=openai.omit if sampling.temperature is None else sampling.temperature,
                seed=seed if sampling.seeded else openai.omit,
                # OpenAI's newer models know only the one, compatible servers only the other
                max_completion_tokens=most if own else openai.omit,
                max_tokens=openai.omit if own else most,
            )
        except openai.APIStatusError as error:
            raise broken_off(error.status_code, self._model.name, error) from error
        except openai.APIConnectionError as error:
            raise broken_off(None, self._model.name, error) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BrokenOffError(f"{self._model.name}: the answer is no JSON") from error
        if is_completion(completion):
            return completion
        raise BrokenOffError(f"{self._model.name}: what came is no chat completion")


def _text(message: ChatCompletionMessageParam) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""
