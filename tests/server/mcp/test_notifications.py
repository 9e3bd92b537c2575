"""Clients hear of what another process changed in the same database; this process is the other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import ResourceListChangedNotification, ResourceUpdatedNotification

from experience_store.library import Policy
from experience_store.operations import Add
from experience_store.store import Store
from server.mcp.build import build_server
from server.mcp.change_watcher import Changes, ChangeWatcher
from server.mcp.notifications import MAX_SUBSCRIPTIONS
from server.settings import Settings
from tests.builders import submission
from tests.processes.calling import call
from tests.server.http.in_process import served_in_process
from tests.server.mcp.over_stdio import stdio_client

URI = "experience://lib"
pytestmark = pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")


class Heard:
    """What a client of the handshake era was told, in order."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[object] = asyncio.Queue()

    async def __call__(self, message: Any) -> None:  # what the SDK hands over is not of one type
        self._messages.put_nowait(message)

    async def next(self) -> object:
        return await self._messages.get()


async def subscribe(client: Client, uri: str) -> None:
    await client.subscribe_resource(uri)  # pyright: ignore[reportDeprecated]  # not in that era


async def publish(store: Store, library: str = "lib") -> None:
    number = len((await store.libraries.state(library)).experiences)
    add = Add(f"Rule {number}", f"Check number {number}.")
    await store.libraries.edit(library, [add], author="cli", note="")


async def test_who_subscribed_over_stdio_is_told_what_another_process_published(
    database: Path, store: Store
) -> None:
    await store.libraries.ensure("lib")
    await store.libraries.ensure("other")
    heard = Heard()
    async with stdio_client(database, "legacy", heard) as client:
        resources = client.server_capabilities.resources
        assert resources
        assert (resources.subscribe, resources.list_changed) == (True, True)
        await subscribe(client, URI)
        await publish(store, "other")
        await publish(store)
        first = await heard.next()
        await client.unsubscribe_resource(URI)  # pyright: ignore[reportDeprecated]  # as in `subscribe`
        await subscribe(client, "experience://other")
        await publish(store)
        await publish(store, "other")
        second = await heard.next()

    assert isinstance(first, ResourceUpdatedNotification)
    assert first.params.uri == URI
    assert isinstance(second, ResourceUpdatedNotification)
    assert second.params.uri == "experience://other"


async def test_who_has_the_list_over_stdio_is_told_when_it_changes(
    database: Path, store: Store
) -> None:
    heard = Heard()
    async with stdio_client(database, "legacy", heard) as client:
        assert (await client.list_resources()).resources == []
        await store.libraries.ensure("lib")
        made = await heard.next()
        await publish(store)
        became_a_skill = await heard.next()
        await publish(store)  # does not change the list
        await store.libraries.describe(
            "lib", agent_objective="Books flights", learning_objective=None, policy=Policy()
        )
        described = await heard.next()
        listed = (await client.list_resources()).resources

    assert isinstance(made, ResourceListChangedNotification)
    assert isinstance(became_a_skill, ResourceListChangedNotification)
    assert isinstance(described, ResourceListChangedNotification)
    assert (listed[0].uri, listed[0].description) == (URI, "Books flights")
    assert [r.uri for r in listed[1:]] == ["skill://lib/SKILL.md"]


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_who_listens_is_told_what_another_process_did(
    database: Path, store: Store, transport: str
) -> None:
    async def changes(client: Client) -> list[object]:
        async with client.listen(
            resources_list_changed=True, resource_subscriptions=[URI]
        ) as events:
            await store.libraries.ensure("another")
            first = await anext(events)
            await publish(store)
            return [first, await anext(events)]

    await store.libraries.ensure("lib")
    if transport == "stdio":
        async with stdio_client(database, "auto") as client:
            told = await changes(client)
    else:
        async with served_in_process(database) as server, Client(server.url) as client:
            told = await changes(client)

    assert told == [ResourcesListChanged(), ResourceUpdated(URI)]


async def test_over_http_the_handshake_era_is_promised_no_subscriptions(database: Path) -> None:
    async with served_in_process(database) as server, Client(server.url, mode="legacy") as client:
        resources = client.server_capabilities.resources
        with pytest.raises(MCPError):
            await subscribe(client, URI)

    assert resources
    assert (resources.subscribe, resources.list_changed) == (False, False)


async def test_nothing_watches_while_nobody_wants_to_hear(database: Path) -> None:
    server = build_server(Settings(database))
    async with server.shared_app(), Client(server) as client:
        await client.list_resources()
        await call(client, "get_experiences", task="Book", library="lib")
        idle = server.notifications.active
        async with client.listen(resource_subscriptions=[URI]):
            async with client.listen(resource_subscriptions=[URI]):
                pass
            listened_to = server.notifications.active
        await call(client, "list_libraries")
        left = server.notifications.active

    assert (idle, listened_to, left) == (False, True, False)


@pytest.mark.exhaustive
async def test_a_connection_may_not_subscribe_without_end(database: Path) -> None:
    async with stdio_client(database, "legacy") as client:
        for number in range(MAX_SUBSCRIPTIONS):
            await subscribe(client, f"{URI}{number}")
        with pytest.raises(MCPError, match="unsubscribe from one first"):
            await subscribe(client, URI)


class Told:
    """Takes what a watcher tells."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[Changes] = asyncio.Queue()

    async def __call__(self, changes: Changes) -> None:
        self.changes.put_nowait(changes)


async def test_a_watcher_tells_what_changed_and_what_came_once_each(store: Store) -> None:
    told = Told()
    watcher = ChangeWatcher(lambda: store, told)
    await store.libraries.ensure("old")
    async with watcher.watching():
        await watcher.look()
        await publish(store, "old")
        await store.libraries.ensure("new")
        await watcher.look()
        await watcher.look()
        await store.groups.submit("old", submission())  # stored, but no change of a library
        await watcher.look()

    assert told.changes.get_nowait() == Changes(("new", "old"), ("new", "old"))
    assert told.changes.empty()


async def test_a_look_that_fails_does_not_end_the_others(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    failing = iter([OSError("the disk is gone")])

    def sometimes() -> Store:
        if watcher.active and (error := next(failing, None)):
            raise error
        return store

    watcher = ChangeWatcher(sometimes, told)
    async with watcher.watching():
        await store.libraries.ensure("new")
        changes = await told.changes.get()

    assert changes == Changes(("new",), ("new",))
    assert "checking for changes failed" in caplog.text


async def test_a_watcher_that_could_not_begin_does_not_watch(store: Store) -> None:
    found: list[Store] = []
    watcher = ChangeWatcher(lambda: found[0], Told())
    with pytest.raises(IndexError):
        await watcher.begin()
    failed = watcher.active
    found.append(store)
    async with watcher.watching():
        assert watcher.active

    assert (failed, watcher.active) == (False, False)
