"""A pydantic-ai agent that gets the server as a toolset and does the rest by itself.

Run it with `python -m examples.clients.pydantic_agent`; it needs pydantic-ai (the extra
`practice` has it). It uses a scripted model. For a real one, write `Agent("openai:gpt-5", ...)` and
leave out `Scripted`: the server's instructions tell the model what to do with the tools.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from examples.clients.letters import FIRST_LETTER, SECOND_LETTER, answer_question, try_task
from examples.clients.letters import reward as reward_of
from examples.clients.letters import task as task_of

LIBRARY = "letters"
REPORT = "Report these attempts, then learn from them: "
ATTEMPTS = 4


def tools(database: Path) -> MCPToolset:
    """The server's tools. Yours is `StdioTransport("uvx", ["experience-mcp", "serve"])`.

    For a server over HTTP: `MCPToolset("http://127.0.0.1:8000/mcp")`.
    """
    arguments = ["-P", "-m", "server.cli", "serve", "--database", str(database)]
    transport = StdioTransport(sys.executable, arguments)
    # The server's instructions say how to use its tools: let the model read them.
    return MCPToolset(transport, include_instructions=True, init_timeout=60)


class Scripted:
    """Stands in for a model: does what the server's instructions ask a model to do."""

    def __init__(self) -> None:
        self._attempts = 0

    def __call__(self, messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        """The next step after the messages so far."""
        assert isinstance(messages[-1], ModelRequest)
        last = messages[-1].parts[-1]
        if isinstance(last, ToolReturnPart):
            return self._go_on(messages, last.tool_name, json.loads(last.model_response_str()))
        prompt = _text(last)
        if prompt.startswith(REPORT):
            group = json.loads(prompt.removeprefix(REPORT))
            return _use("submit_group", library=LIBRARY, **group)
        return _use("get_experiences", task=prompt, library=LIBRARY)

    def _go_on(
        self, messages: list[ModelMessage], tool: str, result: dict[str, Any]
    ) -> ModelResponse:
        match tool, result:
            case "get_experiences", {"experiences": experiences}:
                self._attempts += 1
                task = _text(messages[0].parts[-1])
                answer = try_task(task, experiences.values(), self._attempts)
                return ModelResponse([TextPart(answer)])
            case "submit_group", _:
                return _use("update_experiences", library=LIBRARY)
            case _, {"status": "awaiting_answers", "update_id": update, "requests": requests}:
                answers = [
                    {"request_id": r["request_id"], "answer": answer_question(r["prompt"])}
                    for r in requests
                ]
                return _use("submit_answers", update_id=update, answers=answers)
            case _:
                return ModelResponse([TextPart("; ".join(result["changes"]))])


def _text(part: object) -> str:
    assert isinstance(part, UserPromptPart)
    return str(part.content)


def _use(tool: str, **arguments: object) -> ModelResponse:
    return ModelResponse([ToolCallPart(tool, arguments)])


async def attempts(agent: Agent, date: str, truth: str) -> list[dict[str, object]]:
    """Let the agent try a task several times, and check its answers."""
    answers = [(await agent.run(task_of(date))).output for _ in range(ATTEMPTS)]
    return [{"output": answer, "reward": reward_of(answer, truth)} for answer in answers]


async def main(database: Path) -> None:
    """The whole loop, once."""
    agent = Agent(FunctionModel(Scripted()), toolsets=[tools(database)])
    async with agent:  # one server for all runs
        first = await attempts(agent, *FIRST_LETTER)
        print("first letter:  rewards", [a["reward"] for a in first])

        group = {"task": task_of(FIRST_LETTER[0]), "trajectories": first}
        report = await agent.run(REPORT + json.dumps(group))
        print("learned:      ", report.output)

        second = await attempts(agent, *SECOND_LETTER)
        print("second letter: rewards", [a["reward"] for a in second])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "experience.db"))
