"""The resource `experience://{library}/info`: facts about a library that programs read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp_types import TextResourceContents

from experience_store.errors import StorageError
from experience_store.library import Policy
from experience_store.operations import Add
from experience_store.store import Store
from experience_store.testing import Said, ScriptedEndpoint, sensible_answer
from experience_store.update_runner import UpdateRunner
from server.mcp.build import build_server
from server.settings import ModelSettings, Settings
from tests.processes.calling import call, learn, submit

URI = "experience://lib/info"
NEVER = 10**9
RUNNING = {"by": "model", "held_up": None, "storage_failed": False}


@asynccontextmanager
async def connected(database: Path, *, with_model: bool = False) -> AsyncGenerator[Client]:
    model = ModelSettings("none", "none", learn_groups=NEVER, learn_after=NEVER)
    settings = Settings(database, model=model if with_model else None)
    async with Client(build_server(settings)) as client:
        yield client


async def info_of(client: Client, uri: str = URI) -> dict[str, object]:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


async def test_info_has_identity_version_sizes_objectives_and_policy(
    database: Path, store: Store
) -> None:
    await store.libraries.describe(
        "lib",
        agent_objective="Books flights",
        learning_objective="Fewer mistakes",
        policy=Policy(max_words=20),
    )
    await store.libraries.edit("lib", [Add("Rule", "Check.")], author="cli", note="")
    async with connected(database) as client:
        templates = (await client.list_resource_templates()).resource_templates
        info = await info_of(client)

    first = await store.libraries.version("lib", 0)
    assert "experience://{library}/info" in [t.uri_template for t in templates]
    assert info["library"] == "lib"
    assert info["created_at"] == first.created_at.isoformat()
    assert (info["version"], info["experiences"]) == (1, 1)
    assert info["agent_objective"] == "Books flights"
    assert info["learning_objective"] == "Fewer mistakes"
    assert info["policy"] == asdict(Policy(max_words=20))


async def test_info_counts_waiting_groups_and_update_outcomes(database: Path) -> None:
    async with connected(database) as client:
        await submit(client, "Cancel a reservation")
        waiting = await info_of(client)
        await learn(client)
        learned = await info_of(client)

    counts = {"groups": 1, "signal": 1, "attempts": 2, "set_aside": 0}
    assert isinstance(waiting["groups"], dict)
    assert isinstance(learned["groups"], dict)
    assert waiting["groups"].items() >= {**counts, "learned": 0, "waiting": 1}.items()
    assert learned["groups"].items() >= {**counts, "learned": 1, "waiting": 0}.items()
    assert (waiting["updates"], learned["updates"]) == ({}, {"published": 1})


@pytest.mark.parametrize("with_model", [False, True])
async def test_info_says_who_learns(database: Path, store: Store, with_model: bool) -> None:
    await store.libraries.ensure("lib")
    async with connected(database, with_model=with_model) as client:
        info = await info_of(client)

    assert info["learning"] == {**RUNNING, "by": "model" if with_model else "host"}


async def test_info_says_what_holds_up_learning(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(UpdateRunner, "keep", full)
    async with ScriptedEndpoint(lambda asked: Said(sensible_answer(asked.prompt))) as endpoint:
        model = ModelSettings("any", "none", endpoint.base_url)
        server = build_server(Settings(database, model=model))
        async with asyncio.timeout(60), Client(server) as client:
            await submit(client, "Cancel a reservation")
            await call(client, "update_experiences", library="lib")
            while (info := await info_of(client))["learning"] == RUNNING:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)

    expected = {"by": "model", "held_up": "the disk is full", "storage_failed": True}
    assert info["learning"] == expected


async def test_info_about_a_missing_library_suggests_similar_names(
    database: Path, store: Store
) -> None:
    await store.libraries.ensure("lib")
    async with connected(database) as client:
        with pytest.raises(MCPError, match=r"did you mean 'lib' \(0 experiences\)\?"):
            await info_of(client, "experience://lid/info")
