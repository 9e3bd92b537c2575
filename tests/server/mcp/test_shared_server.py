"""What connections of one process share: changes, retrievals and the database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from mcp import Client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent

from experience_store import open_store
from experience_store.store import Retrieval, Store
from server.mcp.build import build_server
from server.retrieval_log import RetrievalLog
from server.settings import Settings
from tests.processes.calling import WON_AND_LOST, call, learn, submit
from tests.server.mcp.connections import (
    Mode,
    connected,
    groups_stored,
)


async def test_a_listener_is_notified_of_a_new_version(database: Path) -> None:
    uris = ["experience://lib", "experience://lib/info", "experience://lib/history"]
    async with connected(database) as client:
        await submit(client, "Cancel a reservation")
        async with client.listen(
            resources_list_changed=True, resource_subscriptions=uris
        ) as changes:
            published = await learn(client)
            await submit(client, "Cancel a reservation", library="another")
            told: list[ServerEvent] = [await anext(changes) for _ in range(4)]

    assert published.data["status"] == "published"
    assert told == [*map(ResourceUpdated, uris), ResourcesListChanged()]


async def test_an_update_without_a_new_version_notifies_nobody(database: Path) -> None:
    nothing = json.dumps({"reasons": "Luck.", "operations": []})
    async with connected(database) as client:
        await submit(client, "Cancel a reservation")
        async with client.listen(resource_subscriptions=["experience://lib"]) as changes:
            asked = await call(client, "update_experiences", library="lib")
            closed = await call(
                client,
                "submit_answers",
                update_id=asked.data["update_id"],
                answers=[{"request_id": "compare-1", "answer": nothing}],
            )
            await submit(client, "Upgrade every passenger")
            published = await learn(client)
            first = await anext(changes)

    assert closed.data["status"] == "nothing_to_learn"
    assert published.data["version"] == 1
    assert first == ResourceUpdated("experience://lib")


async def test_a_retrieval_is_tied_to_what_it_earned(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")
        await learn(client)
        served = await call(client, "get_experiences", task="Cancel a reservation", library="lib")
        used = {**WON_AND_LOST[0], "retrieval_id": served.data["retrieval_id"]}
        await submit(client, "Cancel another", trajectories=[used, WON_AND_LOST[1]])
        asked = await call(client, "update_experiences", library="lib")

    assert 'experiences_given="G1"' in asked.data["requests"][0]["prompt"]


async def test_a_retrieval_of_another_library_is_reported_and_accepted(
    database: Path, mode: Mode
) -> None:
    def used(retrieval_id: object) -> list[object]:
        return [{**WON_AND_LOST[0], "retrieval_id": retrieval_id}, WON_AND_LOST[1]]

    async with connected(database, mode) as client:
        await submit(client, "Before", library="lib")
        await submit(client, "Before", library="other")
        right = await call(client, "get_experiences", task="Book", library="lib")
        other = await call(client, "get_experiences", task="Book", library="other")
        right_id, other_id = right.data["retrieval_id"], other.data["retrieval_id"]
        at_once = await submit(client, "One", trajectories=used(right_id))
        elsewhere = await submit(client, "Two", trajectories=used(other_id))
        unknown = await submit(client, "Three", trajectories=used("r-0"))
        stored = await groups_stored(client)

    async with connected(database, mode) as client:
        later = await submit(client, "Four", trajectories=used(right_id))

    assert "retrieval_id" not in at_once.data["next_step"] + later.data["next_step"]
    assert f"{other_id!r} belongs to library 'other': the attempts" in elsewhere.data["next_step"]
    assert "retrieval_id 'r-0' is unknown: the attempts" in unknown.data["next_step"]
    assert stored == 5


async def test_a_retrieval_is_known_while_it_is_being_written(store: Store) -> None:
    log = RetrievalLog(store)
    await store.libraries.ensure("lib")
    log.add(Retrieval("r-1", "lib", 0, "Book", ()))
    before = await log.libraries_of(["r-1"])
    writing = asyncio.create_task(log.flush())
    while not writing.done():
        assert await log.libraries_of(["r-1"]) == {"r-1": "lib"}
        await asyncio.sleep(0)
    after = await log.libraries_of(["r-1", "r-2"])
    await log.close()

    assert before == after == {"r-1": "lib"}


async def test_two_connections_share_one_library(database: Path, mode: Mode) -> None:
    server = build_server(Settings(database))
    async with Client(server, mode=mode) as one, Client(server, mode=mode) as two:
        await submit(one, "Cancel a reservation")
        published = await learn(two)
        served = await call(one, "get_experiences", task="Cancel", library="lib")

    assert published.data["version"] == served.data["version"] == 1


async def test_a_closed_server_leaves_the_database_to_others(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation")

    reopened = await open_store(database)
    counts = await reopened.groups.counts("lib")
    await reopened.close()

    assert (counts.groups, counts.waiting) == (1, 1)
