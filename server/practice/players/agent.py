"""A player with tools: an agent of pydantic-ai, with the MCP servers of an `mcp.json`.

Each try starts new servers, so that attempts at one task meet the same circumstances and
leave nothing behind for each other. What a tool reports as an error is shown to the model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastmcp.client.transports import StdioTransport
from mcp import MCPError
from mcp_types import CONNECTION_CLOSED
from pydantic import JsonValue
from pydantic_ai import Agent, RunContext
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelRetry,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
)
from pydantic_ai.mcp import CallToolFunc, MCPToolset, ToolResult, load_mcp_toolsets
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.toolsets import AbstractToolset, PrefixedToolset
from pydantic_ai.usage import RunUsage, UsageLimits
from typing_extensions import override

from experience_store.errors import BadInputError
from server.learning.models import Reply, Unusable
from server.learning.models.client import client_of
from server.learning.models.completions import estimated, plausible, why_unusable
from server.learning.models.standard_form import REASONING, Json
from server.practice.players import BrokenOffError, Player, Sampling, UnusableAnswerError
from server.practice.players.completion import broken_off, limit_name
from server.practice.players.tool_log import last_words
from server.practice.records import Spent
from server.practice.run_errors import BudgetSpentError, LimitReachedError
from server.practice.spending import UsageMeter, priced, spent_of
from server.settings import ModelSettings, Prices

_NO_BOUND = UsageLimits(request_limit=None)  # the meter is asked before each call
TOOLS_SECONDS = 60.0  # a first start may have to install the server
_MISTAKES = 1_000_000  # calls of tools that are not there, or not so: the model is told, each time


class AgentPlayer(Player):
    """An agent works until it calls no more tools."""

    def __init__(
        self,
        model: ModelSettings,
        sampling: Sampling,
        tools: Path,
        tools_seconds: float = TOOLS_SECONDS,
    ) -> None:
        """Prepare attempts.

        Args:
            model: The model.
            sampling: How it is sampled.
            tools: The file of the MCP servers.
            tools_seconds: How long one may take to start.
        """
        self._tools_seconds = tools_seconds
        self._model = model
        self._sampling = sampling
        self._tools = tools
        self._client = client_of(model)
        self._chat = OpenAIChatModel(
            model.name,
            provider=OpenAIProvider(openai_client=self._client),
            profile=OpenAIModelProfile(
                openai_chat_supports_max_completion_tokens=limit_name(model) != "max_tokens"
            ),
        )
        toolsets(tools)  # complains before anything is spent

    @override
    async def play(self, prompt: str, meter: UsageMeter, seed: int) -> str:
        with TemporaryDirectory(prefix="experience-mcp-") as folder:
            return await self._play(prompt, meter, seed, Path(folder) / "tools.log")

    async def _play(self, prompt: str, meter: UsageMeter, seed: int, log: Path) -> str:
        agent = Agent(
            self._chat,
            toolsets=toolsets(self._tools, self._tools_seconds, log),
            system_prompt=self._sampling.instructions or (),
            model_settings=self._settings(seed),
            retries={"tools": _MISTAKES, "output": 0},
        )
        usage, messages = RunUsage(), list[ModelMessage]()
        agent_usage = AgentUsage(meter, self._model.prices, usage)
        meter.at_tools()
        try:
            return await self._run(agent, prompt, usage, messages, meter, agent_usage)
        except (BudgetSpentError, LimitReachedError, UnusableAnswerError):
            raise
        except BrokenOffError as error:
            raise BrokenOffError(f"{error}{last_words(log)}") from error
        except ModelAPIError as error:
            raise broken_off(self._model.name, error) from error
        except UnexpectedModelBehavior as error:
            return self._without_answer(messages, error)
        except Exception as error:  # tool servers fail in ways of their own
            raise BrokenOffError(f"{_said(error)}{last_words(log)}") from error
        finally:
            meter.messages = chat(messages)
            agent_usage.settle(meter.messages)
            meter.tool_calls = sum(len(_calls(m)) for m in messages)

    @override
    async def close(self) -> None:
        await self._client.close()

    async def _run(
        self,
        agent: Agent[None, str],
        prompt: str,
        usage: RunUsage,
        messages: list[ModelMessage],
        meter: UsageMeter,
        agent_usage: AgentUsage,
    ) -> str:
        """The agent's last words; usage and messages are kept up to date for when it breaks off."""
        async with agent, agent.iter(prompt, usage=usage, usage_limits=_NO_BOUND) as run:
            async for node in run:
                messages[:] = run.all_messages()
                agent_usage.settle(chat(messages))
                if Agent.is_model_request_node(node):
                    messages.append(node.request)  # what the tools returned, not sent yet
                    meter.may_call()
                else:
                    meter.at_tools()
            assert run.result is not None, "an agent that stops has a result"
            if (unusable := _why_unusable(messages)) is not None:
                raise UnusableAnswerError(self._model.name, unusable)
            return run.result.output.encode("utf-8", "replace").decode()

    def _without_answer(self, messages: list[ModelMessage], error: UnexpectedModelBehavior) -> str:
        """Silence after work with tools is an answer: what was done can be looked at.

        Raises:
            BrokenOffError: If it is anything else.
        """
        unusable = _why_unusable(messages)
        if isinstance(error, OutputTokenLimitExceeded):
            unusable = Unusable("cut", "the answer was cut at the token limit")
        if unusable is None:
            raise BrokenOffError(_said(error)) from error
        if unusable.kind == "empty" and any(map(_calls, messages)):
            return ""
        raise UnusableAnswerError(self._model.name, unusable) from error

    def _settings(self, seed: int) -> OpenAIChatModelSettings:
        settings = OpenAIChatModelSettings()
        if self._sampling.temperature is not None:
            settings["temperature"] = self._sampling.temperature
        if self._sampling.max_tokens is not None:
            settings["max_tokens"] = self._sampling.max_tokens
        if self._sampling.seeded:
            settings["seed"] = seed
        return settings


def toolsets(
    path: Path, seconds: float = TOOLS_SECONDS, log: Path = Path(os.devnull)
) -> list[AbstractToolset[Any]]:
    """The MCP servers of an `mcp.json`, not yet started.

    Args:
        path: The file.
        seconds: How long one may take to start.
        log: Where their standard error goes.

    Raises:
        BadInputError: If it cannot be read.
    """
    try:
        loaded = load_mcp_toolsets(path)
    except (OSError, ValueError) as error:
        raise BadInputError(
            f'{path}: not a file of MCP servers ({{"mcpServers": {{NAME: {{"command": …}}}}}}): '
            f"{error}"
        ) from error
    return [_configured(toolset, seconds, log) for toolset in loaded]


def inner_toolset(toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
    """The toolset without the prefix of its tools' names."""
    return toolset.wrapped if isinstance(toolset, PrefixedToolset) else toolset


def _configured(toolset: AbstractToolset[Any], seconds: float, log: Path) -> AbstractToolset[Any]:
    inner = inner_toolset(toolset)
    if not isinstance(inner, MCPToolset):
        return toolset
    if isinstance(inner.client.transport, StdioTransport):
        inner.client.transport.log_file = log
    made = MCPToolset[Any](
        inner.client.transport,
        id=inner.id,
        init_timeout=seconds,
        tool_error_behavior="failed",
        process_tool_call=_call_tool,
    )
    return made.prefixed(toolset.prefix) if isinstance(toolset, PrefixedToolset) else made


async def _call_tool(
    _context: RunContext[object], call: CallToolFunc, name: str, arguments: dict[str, Any]
) -> ToolResult:
    """Call a tool. What it reports is for the model; that its server is gone is not."""
    try:
        return await call(name, arguments)
    except ModelRetry as error:
        cause = error.__cause__
        if isinstance(cause, MCPError) and cause.error.code == CONNECTION_CLOSED:
            raise BrokenOffError(f"the server of the tool {name!r} is gone: {cause}") from error
        raise


def chat(messages: list[ModelMessage]) -> list[dict[str, JsonValue]]:
    """The messages of an agent in the form of OpenAI's chat messages."""
    plain: list[dict[str, JsonValue]] = []
    for message in messages:
        if isinstance(message, ModelResponse):
            plain.append(_answer(message))
        else:
            plain.extend(p for part in message.parts if (p := _told(part)) is not None)
    return plain


def _answer(message: ModelResponse) -> dict[str, JsonValue]:
    text = "".join(part.content for part in message.parts if isinstance(part, TextPart))
    plain: dict[str, JsonValue] = {"role": "assistant", "content": text}
    thoughts = [part.content for part in message.parts if isinstance(part, ThinkingPart)]
    if reasoning := "\n".join(filter(None, thoughts)):
        plain[REASONING] = reasoning  # for the teacher
    if calls := _calls(message):
        plain["tool_calls"] = [
            {
                "id": call.tool_call_id,
                "type": "function",
                "function": {"name": call.tool_name, "arguments": call.args_as_json_str()},
            }
            for call in calls
        ]
    return plain


def _told(part: ModelRequestPart) -> dict[str, JsonValue] | None:
    match part:
        case SystemPromptPart():
            return {"role": "system", "content": part.content}
        case UserPromptPart():
            content = part.content
            return {"role": "user", "content": content if isinstance(content, str) else "(parts)"}
        case ToolReturnPart():
            return {
                "role": "tool",
                "tool_call_id": part.tool_call_id,
                "name": part.tool_name,
                "content": part.model_response_str(),
            }
        case _:
            return None


def _calls(message: ModelMessage) -> list[ToolCallPart]:
    if not isinstance(message, ModelResponse):
        return []
    return [part for part in message.parts if isinstance(part, ToolCallPart)]


def _why_unusable(messages: list[ModelMessage]) -> Unusable | None:
    """Why what the model wrote last is not an answer; tools that it calls are work, no answer."""
    last = next((m for m in reversed(messages) if isinstance(m, ModelResponse)), None)
    if last is None:
        return None
    message: Json = {**_answer(last)}
    message.pop("tool_calls", None)
    if refusal := (last.provider_details or {}).get("refusal"):
        message["refusal"] = refusal
        return why_unusable("refusal", message)
    return why_unusable(last.finish_reason, message, last.usage.output_tokens)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


class AgentUsage:
    """The usage of one try."""

    def __init__(self, meter: UsageMeter, prices: Prices | None, usage: RunUsage) -> None:
        """Begin with nothing.

        Args:
            meter: Counts what is used.
            prices: The model's prices.
            usage: Kept up to date by the agent.
        """
        self._meter = meter
        self._prices = prices
        self._usage = usage
        self._settled = copy(usage)

    def settle(self, conversation: Sequence[dict[str, JsonValue]]) -> None:
        """Meter what was used since the last call.

        Args:
            conversation: Until now, for an estimate where the endpoint reports no tokens.
        """
        usage, before = self._usage, self._settled
        self._settled = copy(usage)
        calls = usage.requests - before.requests
        since = priced(
            self._prices,
            calls=calls,
            prompt=usage.input_tokens - before.input_tokens,
            cached=usage.cache_read_tokens - before.cache_read_tokens,
            completion=usage.output_tokens - before.output_tokens,
        )
        if calls and not plausible(since.prompt_tokens, since.completion_tokens):
            since = self._estimated(conversation)
        if since != Spent(cost=since.cost):
            self._meter.pay(since)

    def _estimated(self, conversation: Sequence[dict[str, JsonValue]]) -> Spent:
        answered = bool(conversation) and conversation[-1]["role"] == "assistant"
        asked = conversation[:-1] if answered else conversation
        said = _text(conversation[-1:]) if answered else ""
        return spent_of(Reply(said, estimated(_text(asked), said, self._prices), estimated=True))


def _text(messages: Sequence[dict[str, JsonValue]]) -> str:
    """What of messages a model reads or writes."""
    return "\n".join(
        f"{message.get('content', '')}{json.dumps(message['tool_calls'])}"
        if "tool_calls" in message
        else str(message.get("content", ""))
        for message in messages
    )
