"""Clients that stall, and more connections than there is room for.

Each stalling client meets uvicorn's own protocol as well, which goes on waiting for it. Once that
fails, `TimeoutProtocol` can go.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import httpx2
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.http.connections import ConnectionLimit, TimeoutProtocol
from tests.server.http.serving import LONG_ENOUGH

MB = 2**20
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class ShortTimeouts(TimeoutProtocol):
    headers_timeout = 0.05
    write_timeout = 0.05


PROTOCOLS = pytest.mark.parametrize(
    ("protocol", "patience", "cut_off"),
    [(ShortTimeouts, LONG_ENOUGH, True), (H11Protocol, 0.3, False)],
    ids=["ours", "uvicorn"],
)


@asynccontextmanager
async def listening(
    app: ASGIApp, protocol: type[H11Protocol] = ShortTimeouts
) -> AsyncGenerator[uvicorn.Server]:
    """uvicorn in this process."""
    config = uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]  # Starlette's types and uvicorn's differ in name
        http=protocol,
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield server
        finally:
            await server.shutdown(sockets=[listener])


def port_of(server: uvicorn.Server) -> int:
    return server.servers[0].sockets[0].getsockname()[1]


async def fine(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"fine"})


async def drip(writer: asyncio.StreamWriter, header: bytes) -> None:
    while not writer.is_closing():
        writer.write(header)
        await asyncio.sleep(0.01)


async def disconnected(reader: asyncio.StreamReader, patience: float) -> bool:
    try:
        async with asyncio.timeout(patience):
            while await reader.read(MB):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@PROTOCOLS
@pytest.mark.parametrize(
    ("complete", "incomplete", "dripping"),
    [
        (b"", b"", b""),
        (b"", b"GET / HTTP/1.1\r\nhost:", b""),
        (b"", b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
        (REQUEST, b"GET / HTTP/1.1\r\nhost:", b""),
    ],
    ids=["nothing", "half of them", "a header at a time", "half of the next ones"],
)
async def test_client_that_never_completes_its_headers_is_disconnected(
    complete: bytes,
    incomplete: bytes,
    dripping: bytes,
    protocol: type[H11Protocol],
    patience: float,
    cut_off: bool,
) -> None:
    async with listening(fine, protocol) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        if complete:
            writer.write(complete)
            await reader.readuntil(b"fine")
        writer.write(incomplete)
        drips = asyncio.create_task(drip(writer, dripping))
        assert await disconnected(reader, patience) is cut_off
        drips.cancel()
        writer.close()


@PROTOCOLS
async def test_client_that_stops_reading_is_disconnected(
    protocol: type[H11Protocol], patience: float, cut_off: bool
) -> None:
    gone = asyncio.Event()

    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.create_task(leaves(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"x" * MB, "more_body": True})
            await asyncio.sleep(0)
        gone.set()

    async def leaves(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with listening(endless, protocol) as server:
        with socket.create_connection(("127.0.0.1", port_of(server))) as client:
            client.sendall(REQUEST)
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), patience)
            assert gone.is_set() is cut_off


async def test_requests_beyond_the_connection_limit_are_refused() -> None:
    servers: list[uvicorn.Server] = []
    app = ConnectionLimit(fine, lambda: len(servers[0].server_state.connections), limit=1)
    async with asyncio.timeout(LONG_ENOUGH), listening(app, TimeoutProtocol) as server:
        servers.append(server)
        url = f"http://127.0.0.1:{port_of(server)}/mcp"
        async with httpx2.AsyncClient() as one, httpx2.AsyncClient() as other:
            first = await one.get(url)
            refused = await other.post(url, content=b"{}")
            again = await one.get(url)
    assert (first.status_code, refused.status_code, again.status_code) == (200, 503, 200)
    assert "try again" in refused.json()["error"]["message"]
    assert refused.headers["retry-after"] == "1"
