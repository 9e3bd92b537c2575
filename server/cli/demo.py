"""`experience-mcp demo`: the main job on recorded attempts, over a real server, offline."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import click
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel

from experience_store.library import Policy
from experience_store.store import Origin, open_store
from server import demo as recorded
from server.results import Experiences, Submitted, UpdateOut

T = TypeVar("T", bound=BaseModel)


@click.command()
def demo() -> None:
    """Show the main job in half a minute: offline, no key, recorded attempts of a real model."""
    with tempfile.TemporaryDirectory(prefix="experience-mcp-demo-") as folder:
        anyio.run(_demo, Path(folder) / "experience.db")


async def _demo(database: Path) -> None:
    await _describe(database)
    child = StdioServerParameters(
        command=sys.executable,
        args=["-m", "server.cli", "serve", "--database", str(database)],
    )
    _heading("1. A server starts, as a host would start it: stdio, one file, no key")
    async with Client(child) as client:
        tools = await client.list_tools()
        _say("Its tools: " + ", ".join(tool.name for tool in tools.tools) + ".")
        await _submit(client)
        published = await _learn(client)
        _show_changes(published)
        await _next_agent(client)
    await _show_origin(database)
    _closing()


async def _describe(database: Path) -> None:
    store = await open_store(database)
    await store.libraries.describe(
        recorded.LIBRARY,
        agent_objective=recorded.AGENT_OBJECTIVE,
        learning_objective=recorded.LEARNING_OBJECTIVE,
        policy=Policy(),
    )
    await store.close()


async def _submit(client: Client) -> None:
    _heading("2. An agent reports what it tried: four attempts at each of four invoices")
    _say(
        "The desk has conventions that nobody wrote down. The same model won some and lost some:"
    )
    for group in recorded.groups():
        answer = await _call(
            client, "submit_group", {"library": recorded.LIBRARY, **group.model_dump()}, Submitted
        )
        rewards = " ".join(f"{t['reward']:g}" for t in group.trajectories)
        note = "signal: winners to compare with losers" if answer.signal else "no signal: not asked"
        _say(f"  {group.group_id:8} rewards {rewards}   {note}")


async def _learn(client: Client) -> UpdateOut:
    _heading("3. The host's own model learns: it is asked to compare winners with losers")
    update = await _call(
        client, "update_experiences", {"library": recorded.LIBRARY}, UpdateOut
    )
    while update.status == "awaiting_answers":
        answers = [_recorded_answer(r.request_id, r.prompt) for r in update.requests]
        for request in update.requests:
            _say(f"  {request.request_id}: {len(request.prompt):,} characters, recorded answer")
        arguments = {"update_id": update.update_id, "answers": answers}
        update = await _call(client, "submit_answers", arguments, UpdateOut)
    return update


def _recorded_answer(request_id: str, prompt: str) -> dict[str, object]:
    answer = recorded.answers().get(request_id)
    if answer is None or answer.prompt_digest != recorded.digest(prompt):
        raise click.ClickException(
            f"the recorded answer to {request_id} is not for this prompt: the learner's prompts "
            "have changed since. Record again as examples/payables/README.md says."
        )
    return {"request_id": request_id, "answer": answer.answer}


def _show_changes(update: UpdateOut) -> None:
    _heading(f"4. Version {update.version} of the library: what was learned")
    for change in update.changes:
        _say(change, indent="  ")


async def _next_agent(client: Client) -> None:
    _heading("5. The next agent asks before another invoice, and gets what fits it")
    _say(f"  get_experiences({recorded.NEXT_TASK!r})")
    arguments = {"library": recorded.LIBRARY, "task": recorded.NEXT_TASK}
    got = await _call(client, "get_experiences", arguments, Experiences)
    for id_, text in got.experiences.items():
        _say(f"[{id_}] {text}", indent="  ")
    _say(f"  ({got.retrieval_id}, version {got.version}, {got.omitted} left out)")


async def _show_origin(database: Path) -> None:
    store = await open_store(database)
    trace = await store.libraries.provenance(recorded.LIBRARY, "G1")
    await store.close()
    _heading("6. And where does G1 come from?")
    for origin in trace.origins:
        _say(_origin_text(origin), indent="  ")


def _origin_text(origin: Origin) -> str:
    groups = "; ".join(
        f"group {g.id} (rewards {', '.join(f'{a.reward:g}' for a in g.attempts if a.reward is not None)})"
        for g in origin.groups
    )
    return f"version {origin.version}, by {origin.author}, from {groups}"


def _closing() -> None:
    command = shutil.which("experience-mcp") or "experience-mcp"
    _heading("Connect your own host")
    _say(f"claude mcp add experience -- {command} serve", indent="  ", wrap=False)
    _say(
        'Any other: {"mcpServers": {"experience": {"command": "'
        + command
        + '", "args": ["serve"]}}}',
        indent="  ",
        wrap=False,
    )


async def _call(client: Client, tool: str, arguments: dict[str, object], form: type[T]) -> T:
    result = await client.call_tool(tool, arguments)
    if not isinstance(result, CallToolResult) or result.is_error:
        texts: Sequence[str] = [
            c.text for c in getattr(result, "content", ()) if isinstance(c, TextContent)
        ]
        raise click.ClickException(f"{tool}: {' '.join(texts)}")
    return form.model_validate(result.structured_content)


def _heading(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def _say(text: str, *, indent: str = "", wrap: bool = True) -> None:
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    if not wrap or len(text) <= width - len(indent):
        click.echo(indent + text)
        return
    click.echo(
        textwrap.fill(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
        )
    )
