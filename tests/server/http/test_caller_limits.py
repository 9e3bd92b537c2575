"""Rate limits, and how many streams may be open."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
from starlette.types import Message, Receive, Scope, Send

from server.http.request_limits import MAX_STREAMS_PER_CALLER, RateLimiter, StreamLimit
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import JSON, modern_request
from tests.server.http.signing_in import ask, make_token


def test_bucket_refills_over_time() -> None:
    clock = 0.0
    limiter = RateLimiter(60, lambda: clock)
    assert [limiter.wait("k") for _ in range(61)] == [0.0] * 60 + [1.0]
    clock = 1.0
    assert (limiter.wait("k"), limiter.wait("k"), limiter.wait("other")) == (0.0, 1.0, 0.0)


async def test_streams_of_one_caller_leave_room_for_others(database: Path) -> None:
    reader = await make_token(database, "reader", scopes=["read"])
    other = await make_token(database, "other")
    params = {"notifications": {"resourcesListChanged": True}}
    asked = modern_request("subscriptions/listen", params)
    async with (
        served_in_process(database, "--sign-in") as server,
        AsyncExitStack() as streams,
        server.http() as http,
    ):

        async def listen(token: str) -> httpx2.Response:
            body, headers = asked
            headers = {**JSON, **headers, "authorization": f"Bearer {token}"}
            headers["accept"] = "application/json, text/event-stream"
            stream = http.stream("POST", "/mcp", content=body, headers=headers)
            return await streams.enter_async_context(stream)

        answers = [await listen(reader) for _ in range(MAX_STREAMS_PER_CALLER + 1)]
        refused = json.loads(await answers[-1].aread())
        another = await listen(other)
        called = await ask(server, reader, "tools/list")
        await answers[0].aclose()
        while (await listen(reader)).status_code == 429:  # until the server has noticed
            pass
    assert [a.status_code for a in answers] == [*[200] * MAX_STREAMS_PER_CALLER, 429]
    assert "end one first" in refused["error"]["message"]
    assert (another.status_code, called.status_code) == (200, 200)


async def test_streams_of_all_callers_leave_connections_for_calls() -> None:
    streaming, ending = asyncio.Event(), asyncio.Event()

    async def stream(_scope: Scope, _receive: Receive, _send: Send) -> None:
        streaming.set()
        await ending.wait()

    async def nothing_more() -> Message:
        return {"type": "http.disconnect"}

    app = StreamLimit(stream, lambda _scope: None, limit=1)

    async def status() -> int | None:
        """The status of a refused stream; None if it was opened and has ended."""
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
