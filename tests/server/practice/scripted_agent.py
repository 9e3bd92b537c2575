"""An agent with tools in tests: on a scripted endpoint, with a tool server for each attempt."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experience_store.testing import Said, Script, ScriptedEndpoint, ToolUse
from server.practice.players import Sampling
from server.practice.records import Rollout
from server.practice.run.attempts import AttemptSettings, roll_out
from server.practice.spending import Budget, RolloutLimits
from server.settings import ModelSettings, Prices

if TYPE_CHECKING:
    from server.practice.players.agent import AgentPlayer

SERVER = str(Path(__file__).with_name("tool_server.py"))
PROMPT = "What is number 5 of the hazel tree called?"


def tools(folder: Path, *arguments: str) -> Path:
    path = folder / "mcp.json"
    server = {"command": sys.executable, "args": [SERVER, *arguments]}
    path.write_text(json.dumps({"mcpServers": {"numbers": server}}))
    return path


def use(tool: str, **arguments: Any) -> Said:
    return Said(tool_uses=(ToolUse(tool, arguments),))


def in_turn(*said: Said) -> Script:
    """Says one after the other, by how many answers the conversation has already."""
    return lambda asked: said[sum(t.role == "assistant" for t in asked.conversation)]


class Agent:
    """An agent on an endpoint, and what its attempts leave behind."""

    def __init__(self, player: AgentPlayer, endpoint: ScriptedEndpoint) -> None:
        self.player = player
        self.endpoint = endpoint
        self.budget = Budget()
        self.lost: list[object] = []

    async def play(
        self, limits: RolloutLimits | None = None, tries: int = 1, call_seconds: float = math.inf
    ) -> Rollout:
        return await roll_out(
            self.player,
            PROMPT,
            key="k",
            attempt_settings=AttemptSettings(limits or RolloutLimits(), tries, call_seconds),
            budget=self.budget,
            lost=self.lost.append,
        )


@asynccontextmanager
async def agent(folder: Path, script: Script, *arguments: str) -> AsyncGenerator[Agent]:
    from server.practice.players.agent import AgentPlayer  # noqa: PLC0415  # takes seconds

    async with ScriptedEndpoint(script) as endpoint:
        model = ModelSettings("fake", "none", endpoint.base_url, retries=0, prices=Prices(1, 1, 1))
        player = AgentPlayer(model, Sampling(0.5, 100, "Be brief."), tools(folder, *arguments))
        yield Agent(player, endpoint)
        await player.close()
