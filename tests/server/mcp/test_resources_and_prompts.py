"""Resources, prompts and completions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mcp import MCPError
from mcp_types import INVALID_PARAMS, PromptReference, ResourceTemplateReference, TextContent

from experience_store.operations import Add
from experience_store.store import Store
from experience_store.testing import lesson
from tests.processes.calling import WON_AND_LOST, learn, submit
from tests.server.mcp.connections import (
    Mode,
    connected,
    text_of,
)


async def test_resources_show_the_library_and_what_is_below_it(database: Path, mode: Mode) -> None:
    async with connected(database, mode) as client:
        await submit(client, "Cancel a reservation", group_id="mine")
        await learn(client)
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        current = await text_of(client, "experience://lib")
        empty = await text_of(client, "experience://lib/versions/0")
        history = json.loads(await text_of(client, "experience://lib/history"))
        older = json.loads(await text_of(client, "experience://lib/history?before=1"))
        groups = json.loads(await text_of(client, "experience://lib/groups"))
        later = json.loads(await text_of(client, "experience://lib/groups?after=1"))
        updates = json.loads(await text_of(client, "experience://lib/updates"))

    assert [str(r.uri) for r in listed] == ["experience://lib", "skill://lib/SKILL.md"]
    assert "experience://{library}" in [t.uri_template for t in templates]
    assert f"- [G1] Check details: {lesson('Cancel a reservation')}" in current
    assert "(none yet)" in empty
    assert [v["version"] for v in history["versions"]] == [1, 0]
    assert history["versions"][0]["changes"][0].startswith("Add G1")
    assert [v["version"] for v in older["versions"]] == [0]
    assert (groups["groups"], groups["listed"][0]["id"]) == (1, "mine")
    assert later["listed"] == []
    assert [u["status"] for u in updates["updates"]] == ["published"]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("experience://airlines", "did you mean 'airline'"),
        ("experience://airline/versions/7", "it has 0 to 0"),
    ],
)
async def test_a_missing_resource_is_an_error(
    database: Path, mode: Mode, store: Store, uri: str, reason: str
) -> None:
    await store.libraries.ensure("airline")
    async with connected(database, mode) as client:
        with pytest.raises(MCPError, match=reason):
            await client.read_resource(uri)


async def test_prompts_carry_the_lessons_and_the_way_to_learn(
    database: Path, mode: Mode, store: Store
) -> None:
    await store.libraries.edit("lib", [Add("Rule", "Check first.")], author="cli", note="")

    async with connected(database, mode) as client:
        names = [p.name for p in (await client.list_prompts()).prompts]
        arguments = {"task": "Book a flight", "library": "lib"}
        solve = await client.get_prompt("solve_with_experiences", arguments)
        learn_ = await client.get_prompt("learn_from_attempts", {"library": "lib"})
        asked = solve.messages[0].content
        assert isinstance(asked, TextContent)
        given = asked.text.rpartition("retrieval_id '")[2].removesuffix("'.")
        used = [{**t, "retrieval_id": given} for t in WON_AND_LOST]
        reported = await submit(client, "Book a flight", library="lib", trajectories=used)

    assert names == ["solve_with_experiences", "learn_from_attempts"]
    texts = [
        m.content.text
        for p in (solve, learn_)
        for m in p.messages
        if isinstance(m.content, TextContent)
    ]
    assert texts[0].startswith("Book a flight\n")
    assert "[G1] Rule: Check first." in texts[0]
    assert reported.data["next_step"].startswith("1 group waiting")  # the retrieval is known
    assert "update_experiences with library 'lib'" in texts[1]


async def test_library_names_and_versions_are_completed(
    database: Path, mode: Mode, store: Store
) -> None:
    for name in ("airline", "airport", "retail"):
        await store.libraries.ensure(name)
    await store.libraries.edit("airline", [Add("Rule", "Check.")], author="cli", note="")
    template = ResourceTemplateReference(
        type="ref/resource", uri="experience://{library}/versions/{version}"
    )
    prompt = PromptReference(type="ref/prompt", name="solve_with_experiences")

    async with connected(database, mode) as client:
        in_template = await client.complete(template, {"name": "library", "value": "air"})
        in_prompt = await client.complete(prompt, {"name": "library", "value": "re"})
        versions = await client.complete(
            template, {"name": "version", "value": ""}, {"library": "airline"}
        )

    assert in_template.completion.values == ["airline", "airport"]
    assert in_prompt.completion.values == ["retail"]
    assert versions.completion.values == ["1", "0"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("nope", {}, "use solve_with_experiences or learn_from_attempts"),
        ("solve_with_experiences", {}, "needs the argument task"),
        ("solve_with_experiences", {"task": "x", "tsk": "y"}, "it takes task, library"),
        ("learn_from_attempts", {"library": "Not Valid"}, "does not exist"),
    ],
)
async def test_a_wrong_request_for_a_prompt_says_how_to_mend_it(
    database: Path, mode: Mode, name: str, arguments: dict[str, str], said: str
) -> None:
    async with connected(database, mode) as client:
        with pytest.raises(MCPError, match=said) as refused:
            await client.get_prompt(name, arguments)
    assert refused.value.error.code == INVALID_PARAMS
