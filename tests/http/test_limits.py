"""What it refuses, and whom it does not wait for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest
import uvicorn
from mcp import Client, MCPError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http import connection, limits, listeners
from server.http.limits import BodyLimit
from tests.http.in_process import served_in_process
from tests.http.serving import JSON, raw_request, served, stored_groups, submission, tool_call
from tests.processes.calling import submit

MB = 2**20
SMALL = ("--max-body", "1")


async def test_a_submission_that_is_too_large_is_refused_with_what_helps(database: Path) -> None:
    attempts = [{"output": "x" * MB, "reward": 1}, {"output": "y", "reward": 0}]
    async with served_in_process(database, *SMALL) as server, Client(server.url) as client:
        with pytest.raises(MCPError, match=r"larger than the 1 MB .* --max-body"):
            await submit(client, "large", trajectories=attempts)
        await submit(client, "small")
    assert stored_groups(database) == [("small", 2)]


@pytest.mark.parametrize("length", [True, False])
async def test_a_client_that_sends_50_mb_reads_why_it_is_refused(
    database: Path, length: bool
) -> None:
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


async def test_a_client_that_never_stops_sending_is_cut_off(database: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * MB

    async with served_in_process(database, *SMALL) as server, server.http(**JSON) as http:
        with suppress(httpx2.TransportError):  # unless the answer is read in time
            await http.post("/mcp", content=endless())
        line = await server.logged(lambda x: x["message"] == "request")
    assert line["status"] == 413


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(
    database: Path,
) -> None:
    body = b" " * (50 * MB)
    async with served_in_process(database) as server:
        reader, writer = await server.connect()
        writer.write(raw_request(server.url, body, {}))  # and not the body
        assert b" 413 " in await reader.readuntil(b"\r\n")
        writer.transport.abort()


@pytest.mark.parametrize("path", ["/mcp", "/health", "/ready", "/metrics"])
async def test_requests_for_other_hosts_and_from_other_pages_are_refused(
    database: Path, path: str
) -> None:
    body = tool_call("submit_group", submission())
    async with served_in_process(database) as server, server.http(**JSON) as http:
        port = http.base_url.port
        foreign = {
            421: [
                {"host": "evil.example"},
                {"host": f"evil.example:{port}"},
                {"host": "127.0.0.1"},
            ],
            403: [{"origin": "http://evil.example"}, {"origin": "null"}],
        }
        for status, wrong in foreign.items():
            for headers in wrong:
                answer = await http.post(path, content=body, headers=headers)
                assert answer.status_code == status, headers
    assert stored_groups(database) == []


async def test_its_own_names_and_pages_are_welcome(database: Path) -> None:
    async with served_in_process(database) as server, server.http(**JSON) as http:
        port = http.base_url.port
        for name in ("127.0.0.1", "localhost", "[::1]"):
            own = {"host": f"{name}:{port}", "origin": f"http://{name}:{port}"}
            answer = await http.post("/mcp", content=tool_call("list_libraries", {}), headers=own)
            assert answer.status_code == 200


async def test_pages_of_a_host_that_it_is_given_are_welcome_in_any_case(database: Path) -> None:
    async with (
        served_in_process(database, "--allowed-host", "Lessons.example") as server,
        server.http(**JSON) as http,
    ):
        port = http.base_url.port
        answers = [
            (await http.post("/mcp", content=tool_call("list_libraries", {}), headers=headers))
            for headers in (
                {"host": "lessons.example", "origin": "https://lessons.example"},
                {"host": "LESSONS.example", "origin": "https://Lessons.Example:8443"},
                {"host": f"LOCALHOST:{port}", "origin": f"http://LocalHost:{port}"},
                {"host": "lessons.example", "origin": "https://lessons.example.evil.org"},
                {"host": "lessons.example", "origin": "https://evil.example"},
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403, 403]


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.01)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def unreached(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    answered: list[Message] = []

    async def send(message: Message) -> None:
        answered.append(message)

    scope: Scope = {"type": "http", "headers": [], "method": "POST", "path": "/mcp"}
    await BodyLimit(unreached, megabytes=1, seconds=0.01)(scope, never, send)
    assert answered[0]["status"] == 408


async def test_of_many_that_send_at_once_those_get_through_for_whom_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refused linger meanwhile, without the room that they had."""
    refused, through, lingered = asyncio.Event(), asyncio.Event(), asyncio.Event()
    taken = 0

    async def drop(_receive: Receive) -> None:
        refused.set()
        await lingered.wait()

    async def take(_scope: Scope, _receive: Receive, _send: Send) -> None:
        nonlocal taken
        taken += 1
        if taken >= limits.MAX_BODIES - 1:
            through.set()

    async def send(_message: Message) -> None:
        pass

    monkeypatch.setattr(limits, "_drop", drop)
    app = BodyLimit(take, megabytes=1)

    async def upload() -> None:
        async def chunks() -> AsyncIterator[Message]:
            for left in reversed(range(14)):
                await asyncio.sleep(0)
                yield {"type": "http.request", "body": b" " * (MB // 16), "more_body": left > 0}

        coming = chunks()
        scope: Scope = {"type": "http", "headers": [], "method": "POST", "path": "/mcp"}
        await app(scope, coming.__anext__, send)

    async with asyncio.timeout(30), asyncio.TaskGroup() as uploads:
        for _ in range(12):
            uploads.create_task(upload())
        await refused.wait()
        await through.wait()
        lingered.set()


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncGenerator[int]:
    """uvicorn in this process, with our connections; the port."""
    config = uvicorn.Config(app, http=connection.Connection, lifespan="off", log_config=None)  # pyright: ignore[reportArgumentType]  # Starlette's types and uvicorn's differ in name
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield listener.getsockname()[1]
        finally:
            await server.shutdown(sockets=[listener])


async def test_headers_that_never_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADERS_SECONDS", 0.01)

    async def unreached(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    async with asyncio.timeout(30), listening(unreached) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nhost:")
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_client_that_stops_reading_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READING_SECONDS", 0.01)
    gone = asyncio.Event()

    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.create_task(left(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"x" * MB, "more_body": True})
            await asyncio.sleep(0)
        gone.set()

    async def left(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with asyncio.timeout(30), listening(endless) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await gone.wait()


async def test_whoever_comes_when_all_connections_are_taken_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)

    async def fine(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    async with asyncio.timeout(30), listening(fine) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        async with httpx2.AsyncClient() as one, httpx2.AsyncClient() as other:
            first = await one.get(url)
            refused = await other.post(url, content=b"{}")
            again = await one.get(url)
    assert (first.status_code, refused.status_code, again.status_code) == (200, 503, 200)
    assert "try again" in refused.json()["error"]["message"]


async def test_all_streams_together_leave_connections_for_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listeners, "MAX_TOGETHER", 1)
    streaming, ending = asyncio.Event(), asyncio.Event()

    async def stream(_scope: Scope, _receive: Receive, _send: Send) -> None:
        streaming.set()
        await ending.wait()

    async def nothing_more() -> Message:
        return {"type": "http.disconnect"}

    app = listeners.Listeners(stream)

    async def status() -> int | None:
        """Of a client's wish for a stream; None if it got one and that has ended."""
        answered: list[Message] = []

        async def send(message: Message) -> None:
            answered.append(message)

        headers = [(b"mcp-method", b"subscriptions/listen")]
        scope: Scope = {"type": "http", "headers": headers, "method": "POST", "path": "/mcp"}
        await app(scope, nothing_more, send)
        return answered[0]["status"] if answered else None

    async with asyncio.timeout(30):
        first = asyncio.create_task(status())
        await streaming.wait()
        assert await status() == 503
        ending.set()
        assert await first is None
        assert await status() is None
