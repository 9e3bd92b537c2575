"""Any OpenAI-compatible endpoint, through the `openai` package.

The package repeats a call that met 429, 5xx, a time-out or a lost connection, with exponential
back-off and honouring Retry-After. Strict structured output is asked for until the endpoint
refuses it; then JSON mode, then plain text: answers are read leniently anyway.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Literal, TypeAlias

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from experience_store.store import Usage
from server.models import (
    Asked,
    Correction,
    ModelForbiddenError,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.settings import ModelSettings, cost_of

Format: TypeAlias = Literal["json_schema", "json_object", "text"]
_WEAKER: Mapping[Format, Format] = {"json_schema": "json_object", "json_object": "text"}
_OF_THE_BODY = {400, 422, 500}
FORBIDDEN = frozenset({401, 403, 404})  # the key or the model's name is wrong
REFUSED = frozenset({400, 413, 422})  # this prompt is refused, others may not be
# A pool probes each idle connection at each request, which with the package's 100 costs more than
# opening another now and then.
IDLE_CONNECTIONS = 32


class Endpoint:
    """Implements `server.models.Model`."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._format: Format = "json_schema"
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=settings.retries,
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_keepalive_connections=IDLE_CONNECTIONS)
            ),
        )

    @property
    def name(self) -> str:
        """The model's name."""
        return self._settings.name

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        """Put a question; see `server.models.Model.ask`."""
        async with self._slots:
            while True:
                format_ = self._format
                try:
                    completion = await self._create(request, correction, format_)
                except (openai.APIConnectionError, openai.APIStatusError) as error:
                    weaker = _WEAKER.get(format_)
                    if weaker is None or not _is_about_format(error):
                        raise _translated(error, self.name) from error
                    if self._format == format_:  # else another call has weakened it already
                        self._format = weaker
                except (json.JSONDecodeError, UnicodeDecodeError) as error:
                    raise _no_completion(self.name) from error
                else:
                    return self._reply(_checked(completion, self.name))

    async def _create(
        self, request: Asked, correction: Correction | None, format_: Format
    ) -> ChatCompletion:
        body = {
            "model": self.name,
            "messages": _messages(request, correction),
            **_response_format(request, format_),
        }
        # What `chat.completions.create` calls, without its walk through the schema by type hints.
        return await self._client.post("/chat/completions", cast_to=ChatCompletion, body=body)

    def _reply(self, completion: ChatCompletion) -> Reply:
        text = said(completion)
        used = completion.usage
        if used is None:
            return Reply(text, Usage(calls=1))
        cached = (used.prompt_tokens_details and used.prompt_tokens_details.cached_tokens) or 0
        cost = cost_of(self._settings.prices, used.prompt_tokens, cached, used.completion_tokens)
        return Reply(text, Usage(1, used.prompt_tokens, cached, used.completion_tokens, cost))


def _messages(request: Asked, correction: Correction | None) -> list[ChatCompletionMessageParam]:
    question: ChatCompletionMessageParam = {"role": "user", "content": request.prompt}
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


def _response_format(request: Asked, format_: Format) -> Mapping[str, object]:
    match format_:
        case "json_schema":
            schema = {"name": request.step, "strict": True, "schema": request.schema}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "text":
            return {}


def _is_about_format(error: openai.APIError) -> bool:
    """Servers say 400 or 422 to a body that they do not take; llama-cpp-python's says 500."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in _OF_THE_BODY:
        return False
    text = str(error).lower()
    return any(word in text for word in ("response_format", "json_schema", "json_object", "schema"))


def is_completion(completion: object) -> bool:
    """Whether it is one: proxies put web pages in its place, and the package passes them on."""
    return isinstance(completion, ChatCompletion) and bool(completion.choices)


def said(completion: ChatCompletion) -> str:
    """What the model wrote; an emoji may have been cut in half."""
    return (completion.choices[0].message.content or "").encode("utf-8", "replace").decode()


def _checked(completion: ChatCompletion, name: str) -> ChatCompletion:
    """The completion; raises ModelUnavailableError if it is none."""
    if is_completion(completion):
        return completion
    raise _no_completion(name)


def _no_completion(name: str) -> ModelUnavailableError:
    return ModelUnavailableError(f"{name} cannot be used now: what came is no chat completion")


def _translated(
    error: openai.APIConnectionError | openai.APIStatusError, name: str
) -> ModelUnavailableError | ModelRefusedError:
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    if status in REFUSED:
        return ModelRefusedError(f"{name} refused it: {error}")
    if status in FORBIDDEN:
        return ModelForbiddenError(f"{name} cannot be used: {error}")
    return ModelUnavailableError(f"{name} cannot be used now: {error}")
