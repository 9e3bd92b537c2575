"""What an endpoint's errors say, what they mean, and when no further try is made."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace

import pytest

from experience_store.testing import Asked, Said, ScriptedEndpoint
from server.learning.models import (
    ModelForbiddenError,
    ModelLateError,
    ModelQuotaError,
    ModelRefusedError,
    ModelUnavailableError,
)
from server.learning.models.client import TIME_OUTS, reach
from server.learning.models.endpoint import PROBE, Endpoint
from server.learning.models.error_responses import said_in
from server.practice.run.teacher import HostRequest
from server.settings import ModelSettings
from tests.server.learning.scripted_models import serving

QUESTION = HostRequest("judge", "What is it?", {"type": "object"})
RETRIES = 5  # as by default


def settings(url: str) -> ModelSettings:
    return ModelSettings("fake", "none", url, retries=RETRIES)


async def error_of(endpoint: Endpoint) -> Exception:
    try:
        with pytest.raises((ModelUnavailableError, ModelRefusedError)) as caught:
            await endpoint.ask(QUESTION)
    finally:
        await endpoint.close()
    return caught.value


def test_an_error_is_read_whatever_its_shape() -> None:
    for body, said in {
        '{"error": {"message": "no such model"}}': "no such model",
        '{"error": "text"}': "text",
        '{"detail": "text"}': "text",
        '{"detail": [{"loc": ["body", "seed"], "msg": "extra"}]}': "body.seed: extra",
        '[{"error": {"message": "one"}}, "two"]': "one; two",
        '{"errors": [{"title": "one"}, {"message": "two"}]}': "one; two",
        '{"error": {"message": "wrapped", "metadata": {"raw": "{\\"detail\\": \\"why\\"}"}}}': (
            "wrapped; why"
        ),
        "plain text,\nin two lines": "plain text, in two lines",
        "<html><head><title>502 Bad Gateway</title></head></html>": "502 Bad Gateway",
        '{"code": 7}': '{"code": 7}',
        "": "it says no more",
        '{"error": {"message": "wrong key sk-proj-%s"}}' % ("a1B2" * 12): (
            "wrong key [redacted:api-key]"
        ),
    }.items():
        assert said_in(body) == said


async def test_a_dead_endpoint_is_noticed_at_once_and_named() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        async with asyncio.timeout(20):
            error = await error_of(Endpoint(settings(url)))
    assert isinstance(error, ModelUnavailableError)
    assert f"no connection to {url.removesuffix('/v1')}" in str(error)
    assert str(error).count("onnect") == 2  # the reason is said once


async def test_an_endpoint_can_be_reached_or_not_without_a_question() -> None:
    async with ScriptedEndpoint() as scripted:
        url = scripted.base_url
        assert await reach(settings(url)) is None
        assert scripted.calls == []
    assert f"no connection to {url.removesuffix('/v1')}" in str(await reach(settings(url)))


async def test_an_endpoint_that_was_there_is_tried_again() -> None:
    def once(asked: Asked) -> Said:
        return Said('{"it": 1}') if asked.number != 2 else Said(hang_up=True)

    async with ScriptedEndpoint(once) as scripted:
        endpoint = Endpoint(settings(scripted.base_url))
        for _ in range(2):
            await endpoint.ask(QUESTION)
        await endpoint.close()
    assert len(scripted.calls) == 3


async def test_an_error_that_repeats_the_keys_of_the_request_is_cleaned() -> None:
    keys = ("local-key-4711", "team-header-12", "swordfish-in-body")
    for status in (401, 400, 500, 200):
        said = {"error": {"message": f"wrong: {' '.join(keys)}", "code": status}}
        async with ScriptedEndpoint(lambda _, said=said, s=status: Said(status=s, body=said)) as e:
            own = replace(
                settings(e.base_url),
                api_key=keys[0],
                headers={"X-Api-Key": keys[1]},
                extra_body={"metadata": {"password": keys[2]}},
                retries=0,
            )
            error = str(await error_of(Endpoint(own)))
        assert "wrong: [redacted:api-key] [redacted:api-key] [redacted:api-key]" in error


async def test_spent_quota_is_not_asked_again() -> None:
    error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
    for said in (
        Said(body={"error": error}, status=429),
        Said("Payment Required", status=402),
        Said(body={"error": {**error, "code": 402}}),
    ):
        async with ScriptedEndpoint(lambda _, said=said: said) as scripted:
            assert isinstance(
                await error_of(Endpoint(settings(scripted.base_url))), ModelQuotaError
            )
        assert len(scripted.calls) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said("late", delay=5), "gave no answer in time"),
        (Said(raw="<title>Gateway Time-out</title>", status=504, retry_after=0.001), "HTTP 504"),
    ],
    ids=["nothing", "a gateway's word"],
)
async def test_a_slow_prompt_is_given_up_after_a_second_time_out(said: Said, why: str) -> None:
    async with ScriptedEndpoint(lambda _: said) as scripted:
        made = replace(settings(scripted.base_url), timeout=0.05 if said.delay else 5)
        error = await error_of(Endpoint(made))
    assert isinstance(error, ModelLateError)
    assert why in str(error)
    assert len(scripted.calls) == TIME_OUTS


async def test_a_response_of_no_use_is_an_error_that_is_not_repeated_at_once() -> None:
    for said in (
        Said(body={"choices": []}),
        Said(raw="<html><title>Log in</title></html>", content_type="text/html"),
    ):
        async with ScriptedEndpoint(lambda _, said=said: said) as scripted:
            error = await error_of(Endpoint(settings(scripted.base_url)))
        assert isinstance(error, ModelUnavailableError)
        assert not isinstance(error, ModelForbiddenError)
        assert len(scripted.calls) == 1


@pytest.mark.parametrize(
    ("head", "part", "why"),
    [
        (b"200 OK\r\ncontent-type: text/event-stream", b": \n\n", "timed out"),
        (b"200 OK", b" " * 20_000_000, "longer than 32 MB"),
        (b"307 Go\r\nlocation: /v1/chat/completions", b"", "redirects without end"),
        (b"302 Go\r\nlocation: /login", b"", "/login (HTTP 302): set --base-url"),
        (b"307 Go\r\nlocation: http://127.0.0.1:1/v1", b"", "no connection to http://127.0.0.1:1:"),
        (b"500 Oh\r\nx-said: \xe4\xbd\xa0", b"", "HTTP 500"),
        (b"200 OK\r\ncontent-length: 99999", b"[" * 99_999, "not a chat completion"),
    ],
    ids=[
        *("drips", "never ends", "redirects in a circle", "redirects to a page"),
        *("redirects to nobody", "has other letters in a header", "is too deep"),
    ],
)
async def test_a_response_that_leads_nowhere_is_an_error(
    head: bytes, part: bytes, why: str
) -> None:
    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/login" in request:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 %s\r\nconnection: close\r\n\r\n" % head)
        while part:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)

    timeout = 0.1 if "timed out" in why else 20
    async with serving(respond) as url:
        error = await error_of(Endpoint(replace(settings(url), timeout=timeout, retries=0)))
    assert why in str(error)


async def test_an_answer_is_read_whatever_is_around_it() -> None:
    body = json.dumps({"choices": [{"message": {"content": "\u00e9"}}]}, ensure_ascii=False)
    for head, sent in (
        (b"x-said: \xe4\xbd\xa0", body.encode()),
        (b"x-said: \xe9", body.encode("utf-8-sig")),
        (b"content-type: application/json; charset=latin-1", body.encode("latin-1")),
        (b"content-type: text/html", body.encode() + b"\n<!-- 7 ms -->"),
    ):

        async def respond(
            _: bytes, writer: asyncio.StreamWriter, head: bytes = head, sent: bytes = sent
        ) -> None:
            writer.write(b"HTTP/1.0 200 OK\r\n%s\r\n\r\n%s" % (head, sent))

        async with serving(respond) as url:
            endpoint = Endpoint(replace(settings(url), retries=0))
            assert (await endpoint.ask(QUESTION)).text == "\u00e9", head
            await endpoint.close()


async def test_a_stream_that_breaks_off_is_no_answer() -> None:
    event = 'data: {"choices": [{"index": 0, "delta": {"content": "half"}}]}\n\n'
    for raw, why in (
        (event, "the stream broke off"),
        (event[:40], "an event of the stream is cut off"),
        (f'{event}event: error\ndata: {{"message": "overloaded"}}\n\n', "overloaded"),
        (f"{event}event: error\ndata: no room left\n\n", "no room left"),
    ):
        said = Said(raw=raw, content_type="text/event-stream")
        async with ScriptedEndpoint(lambda _, said=said: said) as scripted:
            error = await error_of(Endpoint(replace(settings(scripted.base_url), retries=0)))
        assert why in str(error)


@pytest.mark.parametrize(
    ("others", "meant"), [(200, ModelRefusedError), (403, ModelForbiddenError)]
)
async def test_a_moderated_prompt_is_told_from_a_wrong_key(
    others: int, meant: type[Exception]
) -> None:
    def script(asked: Asked) -> Said:
        status = others if asked.prompt == PROBE else 403
        return Said("not allowed", status=status)

    async with ScriptedEndpoint(script) as scripted:
        error = await error_of(Endpoint(settings(scripted.base_url)))
    assert type(error) is meant
    assert "HTTP 403: not allowed" in str(error)
