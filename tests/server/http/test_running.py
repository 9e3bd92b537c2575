"""Starting and graceful shutdown, and what becomes of requests in flight."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from mcp import Client

from tests.databases import writing
from tests.processes.calling import submit
from tests.server.cli.program import Program
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import (
    JSON,
    Line,
    Served,
    modern_call,
    posix,
    raw_request,
    served,
    stored_groups,
    submission,
    tool_call,
)

DEBUG = ("--log-level", "debug")
HALF = 20
pytestmark = pytest.mark.skipif(not posix, reason="signals as POSIX has them")


def calls(era: str) -> tuple[bytes, Mapping[str, str]]:
    if era == "modern":
        return modern_call("submit_group", submission())
    return tool_call("submit_group", submission()), {}


def gone(line: Line) -> bool:
    return line.get("status") == 499


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def lets_in(server: Served) -> bool:
    try:
        _, writer = await server.connect()
        await closed(writer)
    except OSError:  # refused, or reset
        return False
    return True


async def half_sent(server: Served) -> asyncio.StreamWriter:
    """A connection whose request the server waits for the rest of."""
    body = tool_call("submit_group", submission())
    reader, writer = await server.connect()
    writer.write(raw_request(server.url, body, {"expect": "100-continue"}))
    assert b"100" in await reader.readuntil(b"\r\n\r\n")
    writer.write(body[:HALF])
    await writer.drain()
    return writer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_exit_code_0(database: Path, number: signal.Signals) -> None:
    async with served(database) as server, Client(server.url) as client:
        await submit(client, "Cancel the reservation")
        server.signal(number)
        assert await server.ended() == 0
    assert [line["level"] for line in server.lines if line["level"] != "info"] == []


async def test_an_in_flight_submission_finishes_before_shutdown(database: Path) -> None:
    async with served(database, *DEBUG) as server, server.http(**JSON) as http:
        with writing(database) as other:
            body = tool_call("submit_group", submission())
            asked = asyncio.create_task(http.post("/mcp", content=body))
            await server.begun()
            server.signal()
            await server.said("shutting down")
            other.rollback()
        answer = await asked
        assert answer.json()["result"]["structuredContent"]["trajectories"] == 2
        assert await server.ended() == 0
    assert stored_groups(database) == [("book a flight", 2)]


async def test_no_new_connection_is_accepted_during_shutdown(database: Path) -> None:
    async with served(database, *DEBUG) as server, server.http(**JSON) as http:
        with writing(database):
            body = tool_call("submit_group", submission())
            asked = asyncio.create_task(http.post("/mcp", content=body))
            await server.begun()
            server.signal()
            while await lets_in(server):  # until it has heard the signal
                pass
            assert not asked.done()
        assert (await asked).status_code == 200


async def test_a_second_signal_stops_at_once_and_stores_nothing_partial(database: Path) -> None:
    async with served(database, *DEBUG) as server:
        reader, writer = await server.connect()
        with writing(database):
            body = tool_call("submit_group", submission())
            writer.write(raw_request(server.url, body, {}) + body)
            await server.begun()
            server.signal()
            await server.said("shutting down")
            server.signal()
            assert await server.ended() == -signal.SIGTERM
        assert await reader.read() == b""
        await closed(writer)
    assert stored_groups(database) == []


async def test_an_incomplete_request_does_not_delay_shutdown(database: Path) -> None:
    async with served(database) as server:
        writer = await half_sent(server)
        server.signal()
        assert await server.ended() == 0
        writer.transport.abort()
    assert stored_groups(database) == []


async def test_a_client_that_disconnects_mid_request_has_sent_nothing(
    database: Path,
) -> None:
    async with served_in_process(database) as server:
        await closed(await half_sent(server))
        await server.logged(gone)
        async with Client(server.url) as client:
            await submit(client, "another")
    assert stored_groups(database) == [("another", 2)]


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_complete_submission_is_stored_though_its_client_disconnects(
    database: Path, era: str
) -> None:
    async with served_in_process(database, *DEBUG) as server:
        body, headers = calls(era)
        _, writer = await server.connect()
        with writing(database) as other:
            writer.write(raw_request(server.url, body, headers) + body)
            await server.begun()
            writer.transport.abort()
            other.rollback()
        line = await server.logged(lambda x: x.get("tool") == "submit_group")
        assert line["outcome"] == "ok"
    assert stored_groups(database) == [("book a flight", 2)]


def test_a_port_in_use_is_a_one_line_error(database: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = Program(database).run("serve", "--http", str(port), fails=1).stderr
    assert said == (
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; give another port, "
        "or 0 for a free one\n"
    )


def test_a_database_that_cannot_be_opened_is_a_one_line_error(missing_database: Path) -> None:
    missing_database.mkdir()
    said = Program(missing_database).run("serve", "--http", "0", fails=1)
    assert said.stderr.startswith("Error: cannot open the database")
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize("where", ["0.0.0.0:80", "[::]:80", "192.0.2.7:80", "example.org:80"])
def test_without_sign_in_it_listens_on_loopback_only(database: Path, where: str) -> None:
    result = Program(database).run("serve", "--http", where, fails=2)
    assert "callers must sign in: add --sign-in" in " ".join(result.stderr.split())


@pytest.mark.parametrize("where", ["", "eight", "127.0.0.1:", "8000:127.0.0.1", "99999"])
def test_an_invalid_address_is_refused_with_the_format(database: Path, where: str) -> None:
    result = Program(database).run("serve", "--http", where, fails=2)
    assert "[HOST:]PORT" in result.stderr
