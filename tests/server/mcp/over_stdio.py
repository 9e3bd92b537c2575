"""A server process on stdin and stdout: with the SDK's client, or in bare JSON-RPC."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.session import MessageHandlerFnT

from tests.paths import ROOT
from tests.processes import starting
from tests.processes.calling import Answer

LONG_ENOUGH = 180.0
MAX_LINE = 2**24


@asynccontextmanager
async def stdio_client(
    database: Path, mode: str = "auto", heard: MessageHandlerFnT | None = None
) -> AsyncGenerator[Client]:
    program, *arguments = starting.cli_command("serve", "--database", str(database))
    server = StdioServerParameters(command=program, args=arguments, cwd=ROOT)
    async with (
        asyncio.timeout(LONG_ENOUGH),
        Client(server, mode=mode, message_handler=heard) as client,
    ):
        yield client


class Child:
    """A server process that is spoken to in bare JSON-RPC, so that nothing is smoothed over."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[bytes] = []
        self._last_id = 0

    async def tell(self, method: str, **params: object) -> None:
        await self.write({"jsonrpc": "2.0", "method": method, "params": params})

    async def ask(self, method: str, **params: object) -> Mapping[str, Any]:
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        await self.write(message)
        return await self.answer()

    async def write(self, message: Mapping[str, object]) -> None:
        await self.write_line(json.dumps(message))

    async def write_line(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def next_line(self) -> Any:
        assert self.process.stdout
        return json.loads(await self.process.stdout.readline())

    async def answer(self) -> Mapping[str, Any]:
        """The answer to what was asked last; notifications before it are kept as lines."""
        assert self.process.stdout
        while line := await self.process.stdout.readline():
            self.lines.append(line)
            message: Mapping[str, Any] = json.loads(line)
            if message.get("id") == self._last_id:
                return message
        raise AssertionError("the server ended without an answer")

    async def shake_hands(self) -> None:
        await self.ask(
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo={"name": "test", "version": "1"},
        )
        await self.tell("notifications/initialized")

    async def call(self, tool: str, **arguments: object) -> Answer:
        answer = await self.ask("tools/call", name=tool, arguments=arguments)
        result = answer["result"]
        data: Mapping[str, Any] = result.get("structuredContent") or {}
        return Answer(result["content"][0]["text"], data, bool(result.get("isError")))

    async def end(self) -> bytes:
        """Close stdin, as a host does when it ends; what was still said on stdout."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        rest = await self.process.stdout.read()
        assert await self.process.wait() == 0
        return rest


@asynccontextmanager
async def child_of(
    database: Path,
    environment: Mapping[str, str] | None = None,
    start: Callable[..., list[str]] = starting.cli_command,
) -> AsyncGenerator[Child]:
    command = start("serve", "--database", str(database))
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=PIPE, stdout=PIPE, env=environment, limit=MAX_LINE
    )
    try:
        async with asyncio.timeout(LONG_ENOUGH):
            child = Child(process)
            await child.shake_hands()
            yield child
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
