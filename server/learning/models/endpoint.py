"""Any OpenAI-compatible endpoint, through the `openai` package.

The package retries on 429, 5xx, timeouts and connection errors, with exponential backoff and
Retry-After. Requests ask for strict structured output until the endpoint refuses it, then for JSON
mode, then for plain text: answers are parsed leniently anyway.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import httpx2
import openai

from experience_store.learning.answer_json import MAX_CHARS
from server.learning.models import (
    Asked,
    Correction,
    ModelForbiddenError,
    ModelQuotaError,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.learning.models.completions import NoCompletionError, is_quota_spent, read_reply
from server.settings import ModelSettings

Format: TypeAlias = Literal["json_schema", "json_object", "text"]
_WEAKER: Mapping[Format, Format] = {"json_schema": "json_object", "json_object": "text"}
_INVALID_BODY = {400, 422, 500}
FORBIDDEN = frozenset({401, 403, 404})  # the API key or the model name is wrong
REFUSED = frozenset({400, 413, 422})  # this prompt is refused, others may not be
# The pool probes every idle connection on each request; with the package's 100 that costs more than
# opening a new one now and then.
IDLE_CONNECTIONS = 32
PROBE = "Answer with the word ok."


class Endpoint:
    """Implements `server.learning.models.Model`."""

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
        """Ask a question; see `server.learning.models.Model.ask`.

        An answer that is too long is cut right after the limit.
        """
        messages = _messages(request, correction)
        asked = "\n".join(message["content"] for message in messages)
        async with self._slots:
            body = await self._create(request, messages)
        try:
            reply = read_reply(body, asked, self._settings.prices)
        except NoCompletionError as error:
            raise ModelUnavailableError(f"{self.name} failed: {error}") from error
        return replace(reply, text=reply.text[: MAX_CHARS + 1])

    async def probe(self) -> None:
        """Ask one tiny question, once; see `server.learning.models.Model.probe`."""
        body = {"model": self.name, "messages": [{"role": "user", "content": PROBE}]}
        once = self._client.with_options(max_retries=0)
        try:
            found = await once.post("/chat/completions", cast_to=object, body=body)
            read_reply(found, PROBE, None)
        except (openai.APIConnectionError, openai.APIStatusError) as error:
            raise _translated(error, self.name) from error
        except (json.JSONDecodeError, UnicodeDecodeError, NoCompletionError) as error:
            raise ModelUnavailableError(f"{self.name} failed: {error}") from error

    async def _create(self, request: Asked, messages: Sequence[Mapping[str, str]]) -> object:
        """The JSON of the response, with the strictest format that the endpoint accepts."""
        while True:
            format_ = self._format
            body = {
                "model": self.name,
                "messages": messages,
                **_response_format(request, format_),
            }
            try:
                # What `chat.completions.create` calls, without its slow type conversions.
                return await self._client.post("/chat/completions", cast_to=object, body=body)
            except (openai.APIConnectionError, openai.APIStatusError) as error:
                weaker = _WEAKER.get(format_)
                if weaker is None or not _is_about_format(error):
                    raise _translated(error, self.name) from error
                if self._format == format_:  # else another call has changed it already
                    self._format = weaker
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise ModelUnavailableError(
                    f"{self.name} failed: the response is not JSON"
                ) from error


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
    """Servers answer an invalid body with 400 or 422, llama-cpp-python with 500."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in _INVALID_BODY:
        return False
    text = str(error).lower()
    return any(word in text for word in ("response_format", "json_schema", "json_object", "schema"))


def _translated(
    error: openai.APIConnectionError | openai.APIStatusError, name: str
) -> ModelUnavailableError | ModelRefusedError:
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    if is_quota_spent(status, error.body):
        return ModelQuotaError(f"{name} is out of quota or credit: {error}")
    if status in REFUSED:
        return ModelRefusedError(f"{name} refused the request: {error}")
    if status in FORBIDDEN:
        return ModelForbiddenError(f"{name} refused access: {error}")
    return ModelUnavailableError(f"{name} failed: {error}")
