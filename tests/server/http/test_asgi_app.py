"""MCP over HTTP, as clients of both eras use it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mcp import Client

from experience_store.testing import lesson
from server.child_process import cli_command
from server.practice.client.connection import ServerConnection
from server.practice.client.library_client import LibraryClient
from server.practice.records import Task
from tests.processes.calling import call, learn, submit
from tests.server.cli.program import Program
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import JSON, served, started, stored_groups, submission, tool_call

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
CLIENTS = 50


@pytest.mark.parametrize(("mode", "version"), ERAS.items())
async def test_the_whole_cycle_works_in_both_eras(database: Path, mode: str, version: str) -> None:
    task = "Cancel the reservation"
    async with served(database) as server, Client(server.url, mode=mode) as client:
        assert client.protocol_version == version
        assert len((await client.list_tools()).tools) == 5
        await submit(client, task)
        published = await learn(client)
        got = await call(client, "get_experiences", task=task, library="lib")
        libraries = await call(client, "list_libraries")
        resource = await client.read_resource("experience://lib")

    assert published.data["status"] == "published"
    assert list(got.data["experiences"].values()) == [f"Check details: {lesson(task)}"]
    assert libraries.data["libraries"][0]["version"] == 1
    assert resource.contents


async def test_clients_of_both_eras_share_one_server(database: Path) -> None:
    async with (
        served_in_process(database) as server,
        Client(server.url, mode="legacy") as one,
        Client(server.url, mode="auto") as other,
    ):
        await submit(one, "Cancel the reservation")
        await learn(other)
        got = await call(one, "get_experiences", task="Cancel", library="lib")
    assert got.data["version"] == 1


async def test_a_listening_client_hears_what_another_publishes(database: Path) -> None:
    async with (
        served_in_process(database) as server,
        Client(server.url) as one,
        Client(server.url) as other,
    ):
        async with one.listen(resource_subscriptions=["experience://lib"]) as events:
            await submit(other, "Cancel the reservation")
            await learn(other)
            event = await anext(aiter(events))
        assert "experience://lib" in repr(event)


async def test_an_open_stream_does_not_prevent_shutdown(database: Path) -> None:
    async with served(database) as server, Client(server.url) as client:
        async with client.listen(resources_list_changed=True) as events:
            server.signal()
            assert [event async for event in events] == []
        assert await server.ended() == 0


@pytest.mark.exhaustive
async def test_fifty_concurrent_clients_are_all_served(database: Path) -> None:
    async def one(url: str, number: int) -> int:
        async with Client(url, mode="legacy" if number % 2 else "auto") as client:
            await submit(client, f"task {number}")
            got = await call(client, "get_experiences", task=f"task {number}", library="lib")
            return got.data["version"]

    async with served(database) as server:
        versions = await asyncio.gather(*(one(server.url, n) for n in range(CLIENTS)))
        attempts = await server.number("experience_mcp_store_attempts")
    assert versions == [0] * CLIENTS
    assert attempts == 2 * CLIENTS
    assert sorted(stored_groups(database)) == sorted((f"task {n}", 2) for n in range(CLIENTS))


async def test_any_http_client_can_call_a_tool_without_a_handshake(database: Path) -> None:
    async with served_in_process(database) as server, server.http(**JSON) as http:
        answer = await http.post("/mcp", content=tool_call("submit_group", submission()))
    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"]["signal"] is True


async def test_get_and_delete_are_not_allowed(database: Path) -> None:
    async with served_in_process(database) as server, server.http() as http:
        got = await http.get("/mcp", headers={"accept": "text/event-stream"})
        deleted = await http.delete("/mcp")
    assert (got.status_code, deleted.status_code) == (405, 405)
    assert got.headers["allow"] == "POST"


async def test_the_address_can_come_from_the_environment(database: Path) -> None:
    environment = Program(database).environment(EXPERIENCE_MCP_HTTP="localhost:0")
    async with started(cli_command("serve"), environment) as server:
        assert server.url.startswith("http://127.0.0.1:")


async def test_a_practice_run_can_use_it(database: Path) -> None:
    async with served_in_process(database) as server, Client(server.url) as client:
        library = LibraryClient(ServerConnection(client), "lib")
        got = await library.serve(Task(id="t1", prompt="Cancel the reservation"), 500)
    assert got.version == 0
