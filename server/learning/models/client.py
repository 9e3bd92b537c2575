"""The HTTP client behind every call of a language model: the learner's, a judge's and a player's.

The `openai` package sends and retries: 429, 5xx, time-outs and lost connections, with exponential
backoff and Retry-After. Beneath it `ChatClient` sends each chat completion in the strictest form
that the endpoint takes (see `parameters`) and brings what comes back into one form. So whoever
calls sees completions as OpenAI sends them, and errors as errors.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias, cast

import httpx2
import openai
from typing_extensions import override

from experience_store.safety.known_secrets import KnownSecrets
from experience_store.safety.redaction import redact
from experience_store.safety.secret_fields import secret_values
from server.learning.models.completions import NoCompletionError, first_choice
from server.learning.models.error_responses import (
    Meaning,
    error_in,
    is_quota_spent,
    meaning_of,
    said_in,
    status_in,
)
from server.learning.models.parameters import Negotiation, Refusal, memory_of
from server.learning.models.standard_form import Json, encoded, in_standard_form
from server.learning.models.streaming import STREAM, joined
from server.learning.slots import Slots
from server.settings import ModelSettings, address_of

logger = logging.getLogger(__name__)

# The pool probes every idle connection on each request; with the package's 100 that costs more than
# opening a new one now and then.
IDLE_CONNECTIONS = 32
REACH_SECONDS = 20.0
WHOLE = 5  # time-outs within which an answer must be whole: a stream may go on for long
MEGABYTE = 1_000_000
MAX_BODY = 32 * MEGABYTE  # of a response, decoded
MAX_HEADER = 40  # characters of a header that are told
TIME_OUTS = 2  # of a row, after which a request is given up: a slow answer stays slow
_COMPLETIONS = "/chat/completions"
_NO_RETRY = {"x-should-retry": "false"}  # for the package
_RETRIES = "x-stainless-retry-count"  # how often the package has sent the request again
_NO_RESPONSE = "x-no-response"  # of a response that stands for none, or for none of use
_MODERATED, _UNUSABLE, _UNAVAILABLE, _LATE = 403, 502, 503, 504
_TOO_MANY = 429
_TIMED_OUT = frozenset({408, _LATE, 524})  # says a gateway that waited for the model
_FRAMING = frozenset({b"content-length", b"content-encoding", b"transfer-encoding"})
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


def client_of(settings: ModelSettings, slots: Slots | None = None) -> openai.AsyncOpenAI:
    """A client of an endpoint; close it in the end.

    Args:
        settings: The endpoint.
        slots: Slots for its concurrent calls; None if they are bounded elsewhere.
    """
    return openai.AsyncOpenAI(
        api_key=settings.api_key,
        base_url=settings.base_url,
        timeout=settings.timeout,
        max_retries=settings.retries,
        default_headers=dict(settings.headers),
        http_client=ChatClient(settings.extra_body, slots),
    )


async def reach(settings: ModelSettings) -> str | None:
    """Ask an endpoint for its models, once: why there is no connection, or None if there is one.

    Any response will do, for not all endpoints have that list.
    """
    client = client_of(replace(settings, retries=0, timeout=min(settings.timeout, REACH_SECONDS)))
    try:
        await client.get("/models", cast_to=object)
    except openai.APIStatusError as error:
        failure = failure_of(error)
        return failure.said if failure.status is None else None
    except openai.APIConnectionError as error:
        return f"no connection to {client.base_url}: {failure_of(error).said}"
    except ValueError:  # no JSON
        return None
    finally:
        await client.close()
    return None


class ChatClient(openai.DefaultAsyncHttpxClient):
    """Sends chat completions in a form that the endpoint takes."""

    def __init__(self, extra_body: Mapping[str, object], slots: Slots | None = None) -> None:
        """Create a client.

        Args:
            extra_body: Fields that every request has beside its own.
            slots: Slots for concurrent chat completions; None for no limit.
        """
        limits = httpx2.Limits(max_keepalive_connections=IDLE_CONNECTIONS)
        super().__init__(limits=limits, verify=_certificates())
        self._extra_body = extra_body
        self._slots = slots
        self._reached: set[str] = set()

    @override
    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: object
    ) -> httpx2.Response:
        """Send a request; a chat completion comes back in the standard form.

        An endpoint that has never been reached is not tried again, nor is one that times out again.
        """
        if not request.url.path.endswith(_COMPLETIONS):
            return await self._sent(request, **options)
        if self._slots is None:
            return await self._completed(request, **options)
        async with self._slots.taken() as turn:
            response = await self._completed(request, **options)
            if response.is_success:
                self._slots.answered(turn)
            elif response.status_code == _TOO_MANY:
                self._slots.declined()
            return response

    async def _completed(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        """The response to the strictest form of the request that the endpoint takes."""
        body = {**cast("Json", json.loads(request.content)), **self._extra_body}
        negotiation = Negotiation(body, memory_of(str(request.url), str(body.get("model"))))
        while True:
            sent = await self._sent(_with_body(request, negotiation.sent), **options)
            response = _standard(sent)
            if response.is_success:
                for conceded in negotiation.accepted():
                    logger.warning(
                        "%s at %s declines a parameter: %s",
                        body.get("model"),
                        address_of(str(request.url)),
                        conceded,
                    )
                return response
            response = self._without_keys(response)
            if not negotiation.again(Refusal(response.status_code, response.text)):
                return _final(response)

    async def _sent(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        """The response; one in its place if there is none and another try makes no sense."""
        where = _origin(request)
        try:
            response = await self._received(request, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            if where in self._reached:
                raise
            to = _origin(error.request)  # it may have been redirected
            return _instead(request, _UNAVAILABLE, f"no connection to {to}: {_why(error)}")
        except httpx2.TimeoutException:
            if not _is_last(request):
                raise
            return _instead(request, _LATE, f"{where} gave no answer in time")
        except httpx2.TooManyRedirects:
            return _instead(request, _UNUSABLE, f"{where} redirects without end")
        self._reached.add(where)
        if response.request.method != request.method:
            return _instead(request, _UNUSABLE, _redirected(response))
        return response

    async def _received(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        """The response with its whole body; the package's time-out bounds each read only."""
        silence = cast("float | None", request.extensions["timeout"]["read"])
        seconds = None if silence is None else silence * WHOLE
        try:
            async with asyncio.timeout(seconds):
                response = await super().send(request, stream=True, **options)  # pyright: ignore[reportArgumentType]  # the package's options
                try:
                    return await _whole(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            return _instead(request, _LATE, f"timed out: no whole answer in {seconds:g} s")

    def _without_keys(self, response: httpx2.Response) -> httpx2.Response:
        """The error without what it repeats of the request's secrets."""
        request = response.request
        keys = secret_values([dict(request.headers), dict(self._extra_body), str(request.url)])
        if (told := KnownSecrets(keys).redact(response.text)) == response.text:
            return response
        return httpx2.Response(
            response.status_code,
            headers=_without_framing(response.headers.raw),
            content=told.encode("utf-8", "replace"),
            request=request,
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call was not answered.

    Attributes:
        meaning: For the endpoint, for what was asked, or for now.
        said: The endpoint's words, or the client's if there was no response; in one line.
        status: HTTP status; None if there was no response.
        late: Whether there was no answer in time.
    """

    meaning: Meaning
    said: str
    status: int | None = None
    late: bool = False

    @property
    def is_moderation(self) -> bool:
        """Whether it may be about the prompt alone, although it looks like a wrong API key."""
        return self.meaning == "forbidden" and self.status == _MODERATED


def failure_of(error: BaseException) -> Failure:
    """Why a call was not answered, from an error of the `openai` package or one that it caused."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, openai.APIStatusError):
            status, body = cause.status_code, cause.response.text
            if _NO_RESPONSE in cause.response.headers:
                return Failure("unavailable", said_in(body), late=status in _TIMED_OUT)
            said = f"HTTP {status}: {said_in(body)}"
            if wait := cause.response.headers.get("retry-after"):
                said += f" (Retry-After: {wait[:MAX_HEADER]})"
            return Failure(meaning_of(status, body), said, status, late=status in _TIMED_OUT)
        cause = cause.__cause__
    return Failure("unavailable", _why(error), late=isinstance(error, openai.APITimeoutError))


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: that takes longer than a call of a model near by."""
    return httpx2.create_ssl_context()


def _with_body(request: httpx2.Request, body: Json) -> httpx2.Request:
    headers = [
        (name, value)
        for name, value in request.headers.multi_items()
        if name.lower() not in {"content-length", "transfer-encoding"}
    ]
    return httpx2.Request(
        request.method,
        request.url,
        headers=headers,
        content=encoded(body),
        extensions=request.extensions,
    )


async def _whole(response: httpx2.Response) -> httpx2.Response:
    """The response with its body; one in its place if that does not end."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            said = f"the response is longer than {MAX_BODY // MEGABYTE} MB"
            return _instead(response.request, _UNUSABLE, said)
    return httpx2.Response(
        response.status_code,
        headers=_without_framing(response.headers.raw),
        content=bytes(body),
        request=response.request,
        history=response.history,
    )


def _origin(request: httpx2.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


def _redirected(response: httpx2.Response) -> str:
    first, url = response.history[0], address_of(str(response.url)) or ""
    return (
        f"{address_of(str(first.url))} redirects to {url} (HTTP {first.status_code}): set "
        f"--base-url to the address that answers"
    )


def _standard(response: httpx2.Response) -> httpx2.Response:
    """The response with its completion in the standard form; what is none is an error."""
    body = _read(response)
    if not response.is_success:
        return response
    if (status := status_in(body)) is not None:
        error = {"error": {"message": error_in(body), "code": status}}
        return _response(response.request, status, error, response.headers.raw)
    completion = in_standard_form(body)
    try:
        first_choice(completion)
    except NoCompletionError as error:
        return _instead(response.request, _UNUSABLE, str(error))
    return _response(response.request, response.status_code, completion, response.headers.raw)


def _read(response: httpx2.Response) -> object:
    """The decoded body of a response, streamed or not; its text if it is neither."""
    if response.headers.get("content-type", "").startswith(STREAM):
        return joined(response.text)
    for content in (response.content, response.text):  # which may be in another encoding
        with suppress(ValueError, RecursionError):
            return cast("object", json.loads(content))
    return joined(response.text) or _before_garbage(response.text) or response.text


def _before_garbage(text: str) -> object:
    """The JSON object that a text begins with, if none comes after it; None for none."""
    with suppress(ValueError, RecursionError):
        body, end = cast("tuple[object, int]", json.JSONDecoder().raw_decode(text))
        if isinstance(body, dict) and "{" not in text[end:]:
            return cast("Json", body)
    return None


def _is_last(request: httpx2.Request) -> bool:
    """Whether a request that times out is not sent again."""
    return int(request.headers.get(_RETRIES) or 0) + 1 >= TIME_OUTS


def _final(response: httpx2.Response) -> httpx2.Response:
    """An error that stands; one that no waiting mends is not tried again."""
    late = response.status_code in _TIMED_OUT and _is_last(response.request)
    if late or is_quota_spent(response.status_code, response.text):
        response.headers.update(_NO_RETRY)
    return response


def _instead(request: httpx2.Request, status: int, message: str) -> httpx2.Response:
    body = {"error": {"message": message, "code": status}}
    headers = httpx2.Headers({**_NO_RETRY, _NO_RESPONSE: "1"})
    return _response(request, status, body, headers.raw)


def _response(
    request: httpx2.Request, status: int, body: object, headers: RawHeaders
) -> httpx2.Response:
    kept = httpx2.Headers(_without_framing(headers))
    kept["content-type"] = "application/json"
    return httpx2.Response(status, headers=kept, content=encoded(body), request=request)


def _without_framing(headers: RawHeaders) -> RawHeaders:
    """The headers without those about how the body was sent; as bytes, for not all are ASCII."""
    return [(name, value) for name, value in headers if name.lower() not in _FRAMING]


def _why(error: BaseException) -> str:
    """The innermost reason of an error: those around it say less."""
    while error.__cause__ is not None and str(error.__cause__):
        error = error.__cause__
    return redact(" ".join(str(error).split()))[0] or type(error).__name__
