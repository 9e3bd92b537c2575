"""The scripted endpoint, which other projects' tests may use too."""

from __future__ import annotations

import asyncio
import gc
import json

import openai
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall, ChatCompletionMessageParam

from experience_store.testing import Asked, Said, ScriptedEndpoint, ToolUse, Turn

CONVERSATION: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "What"}, {"type": "text", "text": "?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c", "content": "a tree"},
]


def client_of(endpoint: ScriptedEndpoint) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="none", base_url=endpoint.base_url, max_retries=0)


async def test_a_script_sees_the_whole_conversation() -> None:
    async with ScriptedEndpoint() as endpoint, client_of(endpoint) as client:
        await client.chat.completions.create(
            model="fake",
            messages=CONVERSATION,
            seed=7,
            temperature=0.5,
            tools=[{"type": "function", "function": {"name": "look"}}],
        )
    (asked,) = endpoint.calls
    assert asked.conversation == (
        Turn("system", "Be brief."),
        Turn("user", "What\n?"),
        Turn("assistant", "", (ToolUse("look", '{"a": 1}'),)),
        Turn("tool", "a tree"),
    )
    assert (asked.prompt, asked.last.text, asked.messages) == ("What\n?", "a tree", 4)
    assert (asked.tools, asked.model, asked.seed, asked.temperature) == (("look",), "fake", 7, 0.5)


async def test_it_answers_with_tool_calls() -> None:
    said = Said(tool_uses=(ToolUse("look", {"a": 1}), ToolUse("look", "not JSON")))
    async with ScriptedEndpoint(lambda _: said) as endpoint, client_of(endpoint) as client:
        completion = await client.chat.completions.create(model="fake", messages=CONVERSATION)
    choice = completion.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls is not None
    first, second = choice.message.tool_calls
    assert isinstance(first, ChatCompletionMessageFunctionToolCall)
    assert isinstance(second, ChatCompletionMessageFunctionToolCall)
    assert json.loads(first.function.arguments) == {"a": 1}
    assert second.function.arguments == "not JSON"
    assert first.id != second.id


def test_it_closes_cleanly_while_connections_are_open(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def leave_open() -> None:
        called = asyncio.Event()

        def script(asked: Asked) -> Said:
            del asked
            called.set()
            return Said(delay=60)

        async with ScriptedEndpoint(script) as endpoint:
            host = endpoint.base_url.split("/")[2].split(":")
            idle = await asyncio.open_connection(host[0], int(host[1]))
            client = client_of(endpoint)
            call = asyncio.create_task(
                client.chat.completions.create(model="fake", messages=CONVERSATION)
            )
            await called.wait()
        with pytest.raises(openai.APIConnectionError):
            await call
        await client.close()
        idle[1].close()

    asyncio.run(leave_open())
    gc.collect()
    assert capsys.readouterr().err == ""
    assert caplog.text == ""


async def test_an_error_in_the_script_is_raised_at_the_end() -> None:
    def script(asked: Asked) -> Said:
        raise LookupError(asked.prompt)

    async def ask() -> None:
        async with ScriptedEndpoint(script) as endpoint, client_of(endpoint) as client:
            with pytest.raises(openai.APIConnectionError):
                await client.chat.completions.create(model="fake", messages=CONVERSATION)

    with pytest.raises(LookupError, match="What"):
        await ask()
