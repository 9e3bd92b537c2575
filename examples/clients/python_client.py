"""An agent on the bare MCP SDK: fetch experiences, try, report, learn, and do better.

Run it with `python -m examples.clients.python_client`. It starts its own server, with an empty
database in a temporary folder.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from examples.clients.letters import FIRST_LETTER, SECOND_LETTER, answer_question, try_task
from examples.clients.letters import reward as reward_of
from examples.clients.letters import task as task_of

LIBRARY = "letters"
ATTEMPTS = 4


def server(database: Path) -> StdioServerParameters:
    """How to start the server. Yours is `command="uvx", args=["experience-mcp", "serve"]`."""
    arguments = ["-P", "-m", "server.cli", "serve", "--database", str(database)]
    return StdioServerParameters(command=sys.executable, args=arguments)


async def call(client: Client, tool: str, **arguments: object) -> Mapping[str, Any]:
    """Call a tool. If the call is invalid, the text of the result says why."""
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise RuntimeError(f"{tool}: {result.content}")
    return result.structured_content or {}


async def attempt(client: Client, date: str, truth: str, number: int) -> dict[str, object]:
    """Try a task once, with the experiences that fit it; returns the trajectory."""
    task = task_of(date)
    # Before the task: ask what is known about such tasks. Your agent puts this into its prompt.
    found = await call(client, "get_experiences", task=task, library=LIBRARY)
    answer = try_task(task, found["experiences"].values(), number)
    return {
        "output": answer,  # or "messages", with everything the agent said and did
        "reward": reward_of(answer, truth),  # any scale; null if nobody knows
        "retrieval_id": found["retrieval_id"],  # links what was served to what it earned
    }


async def learn(client: Client) -> Mapping[str, Any]:
    """Learn from everything that was submitted, with the model that the agent has anyway."""
    update = await call(client, "update_experiences", library=LIBRARY)
    while update["status"] == "awaiting_answers":
        answers = [
            {"request_id": request["request_id"], "answer": answer_question(request["prompt"])}
            for request in update["requests"]
        ]
        update = await call(
            client, "submit_answers", update_id=update["update_id"], answers=answers
        )
    return update


async def main(database: Path) -> None:
    """The whole loop, once."""
    async with Client(server(database)) as client:
        # Several attempts at one task are a group; what differs between them is the lesson.
        attempts = [await attempt(client, *FIRST_LETTER, number) for number in range(ATTEMPTS)]
        print("first letter:  rewards", [a["reward"] for a in attempts])

        group = await call(
            client,
            "submit_group",
            library=LIBRARY,
            task=task_of(FIRST_LETTER[0]),
            trajectories=attempts,
        )
        print("submitted:    ", group["next_step"])

        update = await learn(client)
        print(f"learned:       version {update['version']},", "; ".join(update["changes"]))

        # Another task of the same kind: the next agent that asks knows more.
        attempts = [await attempt(client, *SECOND_LETTER, number) for number in range(ATTEMPTS)]
        print("second letter: rewards", [a["reward"] for a in attempts])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "experience.db"))
