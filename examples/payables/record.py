"""Record attempts with any model behind an OpenAI-compatible endpoint.

The key is read from ``OPENAI_API_KEY``; with ``--base-url`` it is optional. Example::

    python -m examples.payables.record --out attempts.jsonl --model some-model --attempts 4
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .environment import MAX_TURNS
from .records import Task
from .session import Attempt, Session, SessionError, ToolCall, find_task
from .tasks import TASKS
from .tools import tool_schemas

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import (
        ChatCompletionMessage,
        ChatCompletionMessageParam,
        ChatCompletionToolUnionParam,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Record the attempts; exit code 1 if some failed and are missing."""
    arguments = _parser().parse_args(argv)
    try:
        tasks = [find_task(task_id.strip()) for task_id in arguments.tasks.split(",")]
    except SessionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not (arguments.base_url or os.environ.get("OPENAI_API_KEY")):
        print("error: set OPENAI_API_KEY, or name an endpoint with --base-url", file=sys.stderr)
        return 2
    return asyncio.run(_record(arguments, tasks))


async def _record(arguments: argparse.Namespace, tasks: Sequence[Task]) -> int:
    """Play task after task, the attempts at each concurrently."""
    from openai import AsyncOpenAI  # noqa: PLC0415 - the rest of the example does without it

    key = os.environ.get("OPENAI_API_KEY", "none") if arguments.base_url else None
    wanted: int = arguments.attempts
    written = 0
    async with AsyncOpenAI(base_url=arguments.base_url, api_key=key) as client:
        with arguments.out.open("w", encoding="utf-8") as out:
            for task in tasks:
                attempts = (_attempt(client, task, arguments.model) for _ in range(wanted))
                for attempt in await asyncio.gather(*attempts):
                    if attempt is not None:
                        out.write(attempt.to_json() + "\n")
                        written += 1
    return int(written < wanted * len(tasks))


async def _attempt(client: "AsyncOpenAI", task: Task, model: str) -> Attempt | None:
    """Play once; an attempt that fails at the endpoint is reported and left out."""
    from openai import OpenAIError  # noqa: PLC0415 - the rest of the example does without it

    session = Session(task, model)
    try:
        while not session.finished and session.turns < MAX_TURNS:
            _take(session, await _ask(client, session))
    except OpenAIError as error:
        print(f"{task.task_id}: attempt failed: {error}", file=sys.stderr)
        return None
    attempt = session.attempt()
    print(f"{task.task_id}: {attempt.reward} {attempt.feedback}", file=sys.stderr)
    return attempt


async def _ask(client: "AsyncOpenAI", session: Session) -> "ChatCompletionMessage":
    reply = await client.chat.completions.create(
        model=session.model,
        messages=cast("list[ChatCompletionMessageParam]", session.messages),
        tools=cast("list[ChatCompletionToolUnionParam]", tool_schemas()),
    )
    return reply.choices[0].message


def _take(session: Session, message: "ChatCompletionMessage") -> None:
    """Act on the model's message: run its calls, or end the attempt if it has none."""
    calls: list[ToolCall] = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in message.tool_calls or []
        if call.type == "function"
    ]
    if calls:
        session.act(message.content, calls)
    else:
        session.finish(message.content)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="record", description="Record attempts with a model.")
    parser.add_argument("--out", required=True, type=Path, help="file to write, JSON lines")
    parser.add_argument("--model", required=True, help="name of the model at the endpoint")
    parser.add_argument("--base-url", help="OpenAI-compatible endpoint, e.g. of a local server")
    parser.add_argument("--attempts", type=int, default=4, help="attempts for each task")
    every = ",".join(task.task_id for task in TASKS)
    parser.add_argument("--tasks", default=every, help="task ids, separated by commas")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
