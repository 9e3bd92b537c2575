"""Skills over MCP, as hosts with and without the extension see them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
import yaml
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.subscriptions import ResourceUpdated
from mcp_types import INVALID_PARAMS, Request, Result, TextResourceContents
from pydantic import ConfigDict

from experience_store.operations import Add
from experience_store.store import Store
from server.access import Access, Scope, current_access
from server.mcp.build import build_server
from server.mcp.skills.extension import EXTENSION, PAGE
from server.settings import Settings
from tests.paths import ROOT
from tests.processes.calling import learn, submit
from tests.processes.starting import cli_command
from tests.server.http.in_process import served_in_process

Mode: TypeAlias = Literal["auto", "legacy"]


class Answered(Result):
    """Whatever a method answers, with its own names."""

    model_config = ConfigDict(extra="allow")


async def ask(client: Client, method: str, **params: object) -> Mapping[str, Any]:
    request = Request[dict[str, Any], str](method=method, params=dict(params))
    answered = await client.session.send_request(request, Answered)
    return answered.model_extra or {}


async def text_of(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/markdown"
    return content.text


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


@asynccontextmanager
async def connected(database: Path, mode: Mode = "auto") -> AsyncGenerator[Client]:
    async with Client(build_server(Settings(database)), mode=mode) as client:
        yield client


@pytest.fixture
async def filled(store: Store) -> Store:
    """A short library, a long one of a name that no skill may have, and an empty one."""
    await store.libraries.edit("short", [Add("Rule", "Check first.")], author="cli", note="")
    many = [Add("", f"When booking flight {n}, check rule {n} before you do.") for n in range(400)]
    await store.libraries.edit("long_one", many, author="cli", note="")
    await store.libraries.ensure("empty")
    return store


async def check_skills(client: Client) -> None:
    """What a careful host checks of every skill that is listed."""
    listed = await ask(client, "skills/list")
    names = [skill["frontmatter"]["name"] for skill in listed["skills"]]
    assert len(names) == 2
    assert names[0].startswith("long-one-x")
    assert names[1] == "short"
    for skill in listed["skills"]:
        root = skill["uri"].removesuffix("/SKILL.md")
        assert root == f"skill://{skill['frontmatter']['name']}"
        assert (await ask(client, "skills/get", uri=skill["uri"]))["skill"] == skill
        assert skill["resources"][0]["uri"] == skill["uri"]
        for resource in skill["resources"]:
            data = (await text_of(client, resource["uri"])).encode()
            assert resource["size"] == len(data)
            assert resource["digest"] == f"sha256:{sha256(data).hexdigest()}"
        head = (await text_of(client, skill["uri"])).split("---\n")[1]
        assert yaml.safe_load(head) == skill["frontmatter"]
        found = await ask(client, "resources/directory/read", uri=root)
        files = [r for r in found["resources"] if r["mimeType"] == "text/markdown"]
        folders = [r for r in found["resources"] if r["mimeType"] == "inode/directory"]
        for folder in folders:
            files += (await ask(client, "resources/directory/read", uri=folder["uri"]))["resources"]
        assert [f["uri"] for f in files] == [r["uri"] for r in skill["resources"]]
        assert len(folders) == (len(files) > 1)
        assert (files[0]["name"], files[0]["description"]) == (
            skill["frontmatter"]["name"],
            skill["frontmatter"]["description"],
        )


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.usefixtures("filled")
async def test_hosts_over_stdio_find_skills_and_what_they_read_is_what_was_told(
    database: Path, mode: Mode
) -> None:
    command, *arguments = cli_command("serve", "--database", str(database))
    child = StdioServerParameters(command=command, args=arguments, cwd=ROOT)
    async with Client(child, mode=mode) as client:
        await check_skills(client)


@pytest.mark.usefixtures("filled")
async def test_hosts_over_http_find_them_too(database: Path) -> None:
    async with served_in_process(database) as server:
        for mode in ("auto", "legacy"):
            async with Client(server.url, mode=mode) as client:
                await check_skills(client)


async def test_the_extension_is_declared_where_hosts_look_for_it(database: Path) -> None:
    async with connected(database) as client:
        declared = client.server_capabilities.extensions
    async with connected(database, "legacy") as client:
        in_handshake = client.server_capabilities.extensions

    assert declared == in_handshake == {EXTENSION: {"directoryRead": True}}


@pytest.mark.usefixtures("filled")
async def test_results_of_the_new_era_say_how_long_they_hold_and_for_whom(database: Path) -> None:
    async with connected(database) as client:
        listed = await ask(client, "skills/list")
        found = await ask(client, "skills/get", uri="skill://short/SKILL.md")
    async with connected(database, "legacy") as client:
        plain = await ask(client, "skills/list")

    for answer in (listed, found):
        assert (answer["ttlMs"], answer["cacheScope"]) == (0, "private")
    assert set(plain) == {"skills"}


NOT_SERVED = [
    ("skills/get", "skill://nope/SKILL.md"),
    ("skills/get", "skill://empty/SKILL.md"),
    ("skills/get", "skill://long_one/SKILL.md"),
    ("skills/get", "skill://short"),
    ("skills/get", "skill://short/references/01-other.md"),
    ("skills/get", "experience://short"),
    ("resources/read", "skill://nope/SKILL.md"),
    ("resources/read", "skill://short/references/01-other.md"),
    ("resources/read", "skill://short/references/..%2FSKILL.md"),
    ("resources/directory/read", "skill://short/SKILL.md"),
    ("resources/directory/read", "skill://short/references"),
    ("resources/directory/read", "skill://short/"),
    ("resources/directory/read", "skill://nope"),
]


@pytest.mark.usefixtures("filled")
async def test_what_is_not_served_is_said_as_the_specification_has_it(
    database: Path, mode: Mode
) -> None:
    async with connected(database, mode) as client:
        for method, uri in NOT_SERVED:
            with pytest.raises(MCPError) as raised:
                await ask(client, method, uri=uri)
            assert raised.value.code == INVALID_PARAMS, (method, uri)


async def test_many_skills_come_in_pages(database: Path, store: Store) -> None:
    for number in range(PAGE + 3):
        await store.libraries.edit(f"lib-{number:03}", [Add("", "Check.")], author="", note="")
    async with connected(database) as client:
        first = await ask(client, "skills/list")
        rest = await ask(client, "skills/list", cursor=first["nextCursor"])
        with pytest.raises(MCPError) as raised:
            await ask(client, "skills/list", cursor="Not one!")

    names = [s["frontmatter"]["name"] for s in (*first["skills"], *rest["skills"])]
    assert names == [f"lib-{number:03}" for number in range(PAGE + 3)]
    assert "nextCursor" not in rest
    assert raised.value.code == INVALID_PARAMS


async def test_a_new_version_is_another_skill_and_who_listens_is_told(database: Path) -> None:
    uri = "skill://lib/SKILL.md"
    async with connected(database) as client:
        await submit(client, "Cancel a reservation")
        await learn(client)
        before = await ask(client, "skills/get", uri=uri)
        async with client.listen(resource_subscriptions=[uri]) as changes:
            await submit(client, "Upgrade every passenger")
            await learn(client)
            told = await anext(changes)
        after = await ask(client, "skills/get", uri=uri)
        text = await text_of(client, uri)

    assert told == ResourceUpdated(uri)
    assert before["skill"]["resources"] != after["skill"]["resources"]
    assert after["skill"]["resources"][0]["digest"] == f"sha256:{sha256(text.encode()).hexdigest()}"
    assert after["skill"]["frontmatter"]["metadata"]["version"] == "2"


async def test_another_objective_is_another_skill(database: Path, filled: Store) -> None:
    async with connected(database) as client:
        before = await text_of(client, "skill://short/SKILL.md")
        library = await filled.libraries.get("short")
        await filled.libraries.describe(
            "short", agent_objective="Books", learning_objective=None, policy=library.policy
        )
        after = await text_of(client, "skill://short/SKILL.md")

    assert "Books" in after
    assert "Books" not in before


async def test_a_library_made_anew_under_an_old_name_has_a_skill_of_its_own(
    database: Path, filled: Store
) -> None:
    async with connected(database) as client:
        await text_of(client, "skill://short/SKILL.md")
        await filled.libraries.delete("short")
        await filled.libraries.edit("short", [Add("", "Ask first.")], author="", note="")
        text = await text_of(client, "skill://short/SKILL.md")

    assert "Ask first." in text
    assert "Check first." not in text


@pytest.mark.usefixtures("filled")
async def test_for_callers_who_may_not_read_there_are_no_skills(database: Path) -> None:
    token = current_access.set(Access("bob", frozenset({Scope.SUBMIT}), None))
    try:
        async with connected(database) as client:
            listed = await ask(client, "skills/list")
            for method in ("skills/get", "resources/read"):
                with pytest.raises(MCPError) as raised:
                    await ask(client, method, uri="skill://short/SKILL.md")
                assert raised.value.code == INVALID_PARAMS
    finally:
        current_access.reset(token)

    assert listed["skills"] == []


@pytest.mark.usefixtures("filled")
async def test_skills_are_listed_among_the_resources(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        listed = {str(r.uri): r for r in (await client.list_resources()).resources}

    assert "skill://empty/SKILL.md" not in listed
    assert listed["skill://short/SKILL.md"].name == "short"
    assert "Read it before you begin" in (listed["skill://short/SKILL.md"].description or "")
