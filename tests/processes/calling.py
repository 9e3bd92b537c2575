"""Calling the server's tools in tests: what came back, as text and as structured content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp import Client
from mcp_types import TextContent

from experience_store.testing import sensible_answer

WON_AND_LOST: tuple[dict[str, object], ...] = (
    {"output": "I checked the rules, then booked.", "reward": 1},
    {"output": "I booked at once.", "reward": 0},
)


@dataclass(frozen=True)
class Answer:
    """What a tool answered."""

    text: str
    data: Mapping[str, Any]
    failed: bool


async def call(client: Client, tool: str, **arguments: object) -> Answer:
    """The answer, whether it is an error or not."""
    result = await client.call_tool(tool, arguments)
    text = "\n".join(c.text for c in result.content if isinstance(c, TextContent))
    data: Mapping[str, Any] = result.structured_content or {}
    return Answer(text, data, bool(result.is_error))


async def submit(client: Client, task: str, **arguments: object) -> Answer:
    """Submit a group with signal, unless `trajectories` says otherwise."""
    given = {"library": "lib", "trajectories": WON_AND_LOST, **arguments}
    answer = await call(client, "submit_group", task=task, **given)
    assert not answer.failed, answer.text
    return answer


def answers_to(requests: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Right answers to requests."""
    return [
        {"request_id": r["request_id"], "answer": sensible_answer(r["prompt"])} for r in requests
    ]


async def learn(client: Client, library: str = "lib") -> Answer:
    """Update as a host does, until there is nothing more to answer."""
    answer = await call(client, "update_experiences", library=library)
    while answer.data["status"] == "awaiting_answers":
        answer = await call(
            client,
            "submit_answers",
            update_id=answer.data["update_id"],
            answers=answers_to(answer.data["requests"]),
        )
    return answer
