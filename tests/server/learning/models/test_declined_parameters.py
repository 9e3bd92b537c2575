"""A refused parameter is not a refused prompt, for the learner and for both players."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from experience_store.testing import Asked, Said, ScriptedEndpoint
from server.learning.models import ModelRefusedError
from server.learning.models.endpoint import Endpoint
from server.learning.models.parameters import forget_endpoints
from server.practice.players import BrokenOffError, Player, Sampling
from server.practice.players.completion import CompletionPlayer
from server.practice.run.teacher import HostRequest
from server.practice.spending import Budget, RolloutLimits, UsageMeter
from server.settings import ModelSettings
from tests.server.learning.models.declining import FORMATS, PARAMETERS, STREAMS

QUESTION = HostRequest("judge", "What is it?", {"type": "object"})
SAMPLING = Sampling(temperature=0.7, max_tokens=9_000, seeded=True)


def answer(_: Asked) -> Said:
    return Said('{"it": "this"}')


def settings(endpoint: ScriptedEndpoint) -> ModelSettings:
    return ModelSettings("fake", "none", endpoint.base_url, retries=0)


async def played(player: Player) -> str:
    return await player.play("What is it?", UsageMeter(Budget(), RolloutLimits()), 1)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "declines a parameter" in r.getMessage()]


async def test_an_answer_is_asked_for_in_the_strictest_form_that_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for declining in (*FORMATS, *STREAMS):
        forget_endpoints()
        caplog.clear()
        async with ScriptedEndpoint(declining.script(answer)) as scripted:
            endpoint = Endpoint(settings(scripted))
            first = await endpoint.ask(QUESTION)
            needed = len(scripted.calls)
            again = await endpoint.ask(QUESTION)
            await endpoint.close()
        assert (first.text, first.unusable) == (answer(scripted.calls[0]).text, None), declining
        assert again.text == first.text, declining
        assert len(scripted.calls) == needed + 1, f"not remembered: {declining}"
        assert needed <= 5, declining
        assert len(warnings(caplog)) == 1, declining


async def test_a_player_leaves_out_renames_or_streams(caplog: pytest.LogCaptureFixture) -> None:
    for declining in (*PARAMETERS, *STREAMS):
        forget_endpoints()
        caplog.clear()
        async with ScriptedEndpoint(declining.script(answer)) as scripted:
            player = CompletionPlayer(settings(scripted), SAMPLING)
            assert await played(player) == '{"it": "this"}', declining
            needed = len(scripted.calls)
            assert await played(player) == '{"it": "this"}', declining
            await player.close()
        assert len(scripted.calls) == needed + 1, f"not remembered: {declining}"
        assert 1 <= len(warnings(caplog)) <= 2, declining
    assert caplog.records[0].levelno == logging.WARNING


async def test_an_agent_leaves_out_renames_or_streams_as_well(tmp_path: Path) -> None:
    from server.practice.players.agent import AgentPlayer  # noqa: PLC0415  # an extra

    (tmp_path / "mcp.json").write_text('{"mcpServers": {}}')
    for declining in (*PARAMETERS, *STREAMS):
        forget_endpoints()
        async with ScriptedEndpoint(declining.script(answer)) as scripted:
            player = AgentPlayer(settings(scripted), SAMPLING, tmp_path / "mcp.json")
            assert await played(player) == '{"it": "this"}', declining
            await player.close()


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("temperature", {"max_tokens": 9_000, "seed": 1}),
        ("max_tokens out of range", {"temperature": 0.7, "seed": 1}),
        ("seed", {"max_tokens": 9_000, "temperature": 0.7}),
        ("not streaming, no word", None),
    ],
)
async def test_nothing_else_is_conceded(name: str, left: dict[str, object] | None) -> None:
    declining = next(d for d in (*PARAMETERS, *STREAMS) if d.name == name)
    async with ScriptedEndpoint(declining.script(answer)) as scripted:
        player = CompletionPlayer(settings(scripted), SAMPLING)
        await played(player)
        await player.close()
    sent = dict(scripted.calls[-1].body)
    for field in ("messages", "model", "stream", "stream_options"):
        sent.pop(field, None)
    assert sent == ({"max_tokens": 9_000, "temperature": 0.7, "seed": 1} if left is None else left)


@pytest.mark.parametrize(
    "said",
    [
        Said(raw="Bad Request", status=400),
        Said("Request timed out: 'what is the temperature at noon?'", status=500),
    ],
)
async def test_a_hiccup_teaches_nothing(said: Said, caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedEndpoint(lambda a: said if a.number == 1 else answer(a)) as scripted:
        player = CompletionPlayer(replace(settings(scripted), retries=1), SAMPLING)
        await played(player)
        await player.close()
    assert scripted.calls[-1].body == scripted.calls[0].body
    assert not warnings(caplog)


async def test_calls_at_once_concede_the_same_once(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedEndpoint(FORMATS[0].script(answer)) as scripted:
        endpoint = Endpoint(settings(scripted))
        await asyncio.gather(*(endpoint.ask(QUESTION) for _ in range(6)))
        await endpoint.close()
    assert len(warnings(caplog)) == 1


async def test_what_a_model_happens_to_write_is_asked_for_again_first() -> None:
    def unlucky(asked: Asked) -> Said:
        error = {"message": "Failed to generate JSON", "code": "json_validate_failed"}
        return answer(asked) if asked.number > 2 else Said(body={"error": error}, status=400)

    async with ScriptedEndpoint(unlucky) as scripted:
        endpoint = Endpoint(settings(scripted))
        reply = await endpoint.ask(QUESTION)
        await endpoint.close()
    assert reply.text == '{"it": "this"}'
    assert [call.format for call in scripted.calls] == ["json_schema"] * 3


async def test_bad_luck_with_one_prompt_is_no_reason_to_ask_others_otherwise() -> None:
    def unlucky(asked: Asked) -> Said:
        error = {"message": "Failed to validate JSON", "code": "json_validate_failed"}
        failing = "unlucky" in asked.prompt and asked.format == "json_schema"
        return Said(body={"error": error}, status=400) if failing else answer(asked)

    async with ScriptedEndpoint(unlucky) as scripted:
        endpoint = Endpoint(settings(scripted))
        for prompt in ("unlucky", "other"):
            await endpoint.ask(HostRequest("judge", prompt, {"type": "object"}))
        await endpoint.close()
    assert scripted.calls[-1].format == "json_schema"


@pytest.mark.parametrize(
    "says",
    [
        "This model's maximum context length is 8192 tokens, but 9000 are in the messages",
        "The response was filtered due to the prompt triggering content management policy",
        "Input is too long for requested model",
    ],
)
async def test_a_refused_prompt_is_not_sent_in_weaker_forms(says: str) -> None:
    async with ScriptedEndpoint(lambda _: Said(says, status=400)) as scripted:
        endpoint, player = (
            Endpoint(settings(scripted)),
            CompletionPlayer(settings(scripted), SAMPLING),
        )
        with pytest.raises(ModelRefusedError, match=says[:30]):
            await endpoint.ask(QUESTION)
        with pytest.raises(BrokenOffError, match=says[:30]) as caught:
            await played(player)
        await endpoint.close()
        await player.close()
    assert caught.value.refused
    assert len(scripted.calls) == 2


async def test_an_unclear_refusal_after_all_was_taken_is_about_the_prompt() -> None:
    def script(asked: Asked) -> Said:
        return Said(raw="Bad Request", status=400) if "poison" in asked.prompt else answer(asked)

    async with ScriptedEndpoint(script) as scripted:
        endpoint = Endpoint(settings(scripted))
        await endpoint.ask(QUESTION)
        with pytest.raises(ModelRefusedError, match="HTTP 400: Bad Request"):
            await endpoint.ask(HostRequest("judge", "poison", {"type": "object"}))
        await endpoint.close()
    assert [call.format for call in scripted.calls] == ["json_schema"] * 2


async def test_a_schema_that_one_request_cannot_have_is_kept_for_the_others() -> None:
    def script(asked: Asked) -> Said:
        if "deep" in asked.prompt and asked.format == "json_schema":
            return Said("failed to parse grammar: too many rules", status=400)
        return answer(asked)

    async with ScriptedEndpoint(script) as scripted:
        endpoint = Endpoint(settings(scripted))
        for prompt in ("flat", "deep", "flat"):
            await endpoint.ask(HostRequest("judge", prompt, {"type": "object"}))
        await endpoint.close()
    assert [c.format for c in scripted.calls] == [
        "json_schema",
        "json_schema",
        "json_object",
        "json_schema",
    ]


async def test_headers_and_fields_of_the_users_are_sent_with_every_call() -> None:
    async with ScriptedEndpoint(answer) as scripted:
        made = ModelSettings(
            "fake", "none", scripted.base_url, extra_body={"chat_template_kwargs": {"think": False}}
        )
        endpoint, player = Endpoint(made), CompletionPlayer(made, Sampling())
        await endpoint.ask(QUESTION)
        await played(player)
        await endpoint.close()
        await player.close()
    assert [c.body["chat_template_kwargs"] for c in scripted.calls] == [{"think": False}] * 2
