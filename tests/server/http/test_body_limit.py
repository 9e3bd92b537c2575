"""Bodies that are too large, incomplete, or too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from mcp import Client, MCPError
from starlette.types import Message, Receive, Scope, Send

from server.http.request_limits import MAX_BODIES, BodyLimit
from tests.parameters import first_of
from tests.processes.calling import submit
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import JSON, LONG_ENOUGH, raw_request, served, stored_groups
from tests.server.http.signing_in import make_token

MB = 2**20
SMALL = ("--max-body", "1")


async def test_oversized_submission_is_refused_with_a_remedy(database: Path) -> None:
    attempts = [{"output": "x" * MB, "reward": 1}, {"output": "y", "reward": 0}]
    async with served_in_process(database, *SMALL) as server, Client(server.url) as client:
        with pytest.raises(MCPError, match=r"larger than the 1 MB .* --max-body"):
            await submit(client, "large", trajectories=attempts)
        await submit(client, "small")
    assert stored_groups(database) == [("small", 2)]


@pytest.mark.parametrize("length", first_of(True, False))
async def test_client_sending_50_mb_gets_to_read_the_refusal(database: Path, length: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * MB

    content = b" " * (50 * MB) if length else chunks()
    async with served(database, *SMALL) as server, server.http(**JSON) as http:
        before = await server.number("process_resident_memory_bytes")
        answer = await http.post("/mcp", content=content)
        after = await server.number("process_resident_memory_bytes")
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]["message"]
    assert after - before < 16 * MB


async def test_client_that_never_stops_sending_is_cut_off(database: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * MB

    async with served_in_process(database, *SMALL) as server, server.http(**JSON) as http:
        with suppress(httpx2.TransportError):  # unless the answer is read in time
            await http.post("/mcp", content=endless())
        line = await server.logged(lambda x: x["message"] == "request")
    assert line["status"] == 413


async def test_body_declared_too_large_is_refused_before_it_arrives(
    database: Path,
) -> None:
    body = b" " * (50 * MB)
    async with served_in_process(database) as server:
        reader, writer = await server.connect()
        writer.write(raw_request(server.url, body, {}))  # and not the body
        assert b" 413 " in await reader.readuntil(b"\r\n")
        writer.transport.abort()


async def unreachable(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError


def post() -> Scope:
    return {"type": "http", "headers": [], "method": "POST", "path": "/mcp"}


async def test_incomplete_body_times_out() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    answered: list[Message] = []

    async def send(message: Message) -> None:
        answered.append(message)

    app = BodyLimit(unreachable, megabytes=1, timeout=0.01, drain_seconds=0.01)
    await app(post(), never, send)
    assert answered[0]["status"] == 408


async def test_refused_bodies_leave_their_memory_to_others_while_they_drain() -> None:
    """Of many uploads at once, those get through for which there is room."""
    refused, through, drained = asyncio.Event(), asyncio.Event(), asyncio.Event()
    accepted = 0

    async def accept(_scope: Scope, _receive: Receive, _send: Send) -> None:
        nonlocal accepted
        accepted += 1
        if accepted >= MAX_BODIES - 1:
            through.set()

    app = BodyLimit(accept, megabytes=1, drain_seconds=LONG_ENOUGH)

    async def upload() -> None:
        draining = False

        async def chunks() -> AsyncIterator[Message]:
            for left in reversed(range(14)):
                await asyncio.sleep(0)
                if draining:
                    refused.set()
                    await drained.wait()
                yield {"type": "http.request", "body": b" " * (MB // 16), "more_body": left > 0}

        async def send(_message: Message) -> None:
            nonlocal draining
            draining = True

        await app(post(), chunks().__anext__, send)

    async with asyncio.timeout(30), asyncio.TaskGroup() as uploads:
        for _ in range(12):
            uploads.create_task(upload())
        await refused.wait()
        await through.wait()
        drained.set()


async def test_total_size_of_concurrent_bodies_is_bounded(database: Path) -> None:
    """Nine requests that stop short of their end: one of them finds no room."""
    token = await make_token(database)
    part = b"x" * (2**20 - 1)
    async with served_in_process(database, "--sign-in", *SMALL) as server:
        held: list[asyncio.StreamWriter] = []
        answers: list[asyncio.Task[bytes]] = []
        for _ in range(9):
            reader, writer = await server.connect()
            head = raw_request(server.url, part + b"x", {"authorization": f"Bearer {token}"})
            writer.write(head + part)
            await writer.drain()
            held.append(writer)
            answers.append(asyncio.create_task(reader.readline()))
        first, _ = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        for writer in held:
            writer.close()
        await asyncio.gather(*answers, return_exceptions=True)
    (answer,) = [task.result() for task in first]
    assert b"503" in answer
