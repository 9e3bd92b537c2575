"""The server as people start it over HTTP: a child on a free port of this machine."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.parse import urlsplit

import httpx2

from tests.paths import ROOT
from tests.processes.starting import cli_command
from tests.server.cli.program import Program

LONG_ENOUGH = 60.0
JSON = {"content-type": "application/json", "accept": "application/json"}
Line: TypeAlias = dict[str, Any]


class Served:
    """A running server, and what it has logged so far."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.url = ""
        self._news = asyncio.Event()
        self._over = False

    def heard(self, line: str | bytes) -> None:
        """Take a line of the log."""
        self.lines.append(json.loads(line))
        self._news.set()

    def over(self) -> None:
        """There will be no more lines."""
        self._over = True
        self._news.set()

    async def logged(self, fits: Callable[[Line], bool]) -> Line:
        """The first line that fits, as soon as it is there."""
        while True:
            if found := next((line for line in self.lines if fits(line)), None):
                return found
            assert not self._over, f"the server has ended: {self.lines}"
            self._news.clear()
            await self._news.wait()

    async def said(self, words: str) -> Line:
        return await self.logged(lambda line: words in line["message"])

    async def begun(self, method: str = "tools/call") -> Line:
        """Until a call has begun; needs `--log-level debug`."""
        return await self.logged(lambda x: x["message"] == "started" and x["method"] == method)

    def http(self, **headers: str) -> httpx2.AsyncClient:
        base = self.url.removesuffix("/mcp")
        return httpx2.AsyncClient(base_url=base, headers=headers, timeout=LONG_ENOUGH)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def number(self, name: str) -> float:
        """A number of `/metrics`, by its whole name with labels."""
        async with self.http() as http:
            text = (await http.get("/metrics")).text
        return next(float(x.split()[-1]) for x in text.splitlines() if x.startswith(f"{name} "))


class Child(Served):
    """A server that is a process of its own."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process
        self._reading = asyncio.create_task(self._read())

    async def ended(self) -> int:
        await self._reading
        return await self.process.wait()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def _read(self) -> None:
        assert self.process.stderr
        try:
            while raw := await self.process.stderr.readline():
                self.heard(raw)
        finally:
            self.over()


@asynccontextmanager
async def served(database: Path, *options: str, **environment: str) -> AsyncGenerator[Child]:
    """The server as people start it."""
    where = () if "EXPERIENCE_MCP_HTTP" in environment else ("--http", "0")
    command = cli_command("serve", *where, *options)
    async with started(command, Program(database).environment(**environment)) as server:
        yield server


@asynccontextmanager
async def started(
    command: list[str], environment: Mapping[str, str], stdout: int | IO[bytes] = DEVNULL
) -> AsyncGenerator[Child]:
    """A process that logs in JSON where it listens."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=DEVNULL,
        stdout=stdout,
        stderr=PIPE,
        env=environment,
        limit=2**22,
    )
    try:
        async with asyncio.timeout(LONG_ENOUGH):
            server = Child(process)
            server.url = (await server.logged(lambda line: "url" in line))["url"]
            yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def submission(task: str = "book a flight", **more: object) -> dict[str, object]:
    attempts = [{"output": "checked", "reward": 1}, {"output": "guessed", "reward": 0}]
    return {"task": task, "library": "lib", "trajectories": attempts, **more}


def tool_call(tool: str, arguments: Mapping[str, object]) -> bytes:
    """The body of a call, as clients of the handshake era send it."""
    params = {"name": tool, "arguments": arguments}
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    ).encode()


def modern_call(tool: str, arguments: Mapping[str, object]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a call, as clients of 2026-07-28 send it."""
    body, headers = modern_request("tools/call", {"name": tool, "arguments": arguments})
    return body, {**headers, "mcp-name": tool}


def modern_request(method: str, params: Mapping[str, object]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request, as clients of 2026-07-28 send it."""
    version = "2026-07-28"
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return json.dumps(asked).encode(), {"mcp-protocol-version": version, "mcp-method": method}


def raw_request(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The head of a POST, byte for byte; the body follows by itself."""
    fields = {"host": urlsplit(url).netloc, **JSON, "content-length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode()


def stored_groups(database: Path) -> list[tuple[str, int]]:
    """Task and number of attempts of every group, each with all of its attempts or none."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT g.task, g.attempts, COUNT(a.id) FROM attempt_group AS g"
            " LEFT JOIN attempt AS a ON a.group_id = g.id GROUP BY g.id ORDER BY g.id"
        ).fetchall()
    connection.close()
    assert all(promised == kept for _, promised, kept in rows)
    return [(task, kept) for task, _, kept in rows]


posix = sys.platform != "win32"
