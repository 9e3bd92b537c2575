"""`experience-mcp demo`: the main job on recorded attempts, over a real server, offline."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import anyio
import click
from click.core import ParameterSource
from mcp import Client, StdioServerParameters
from mcp_types import Implementation, TextContent
from pydantic import BaseModel

from experience_store.errors import ConflictError
from experience_store.learning.prompts.compare import read_comparison
from experience_store.library import DEFAULT_LIBRARY, Policy
from experience_store.store import GroupTrace
from server import APP
from server.child_process import cli_command
from server.cli import demo_recording as recorded
from server.cli.hosts.launch import database_of_host, host_entry, program
from server.cli.open_database import opened
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import database_option, model_options, shared
from server.mcp.results import Experiences, Submitted, UpdateOut
from server.settings import ModelSettings

LIVE_SECONDS = 600
T = TypeVar("T", bound=BaseModel)


@click.command(cls=SectionedCommand)
@shared("--live", is_flag=True, help="Let the configured model answer, not the recording.")
@shared("--keep", is_flag=True, help="Keep the library, for show, why and history.")
@database_option
@section("With --live", model_options(needs_key=False))
def demo(*, live: bool, keep: bool, database: Path, model: ModelSettings | None) -> None:
    """Watch a library learn: offline, no key, recorded attempts and answers of a real model.

    A real server is started as a host would start it, and talked to over MCP. With --live and a
    model configured, that model compares the attempts instead of the recording. Everything is
    done in a temporary database; with --keep, the finished library is copied to yours.
    """
    if live and (model is None or not model.api_key):
        raise click.ClickException(
            "--live needs a model: set EXPERIENCE_MCP_MODEL and OPENAI_API_KEY (or, for a server "
            "of your own, OPENAI_BASE_URL)."
        )
    options = _database_options(database)
    if options and not keep:
        raise click.UsageError("--database says where to keep the library: add --keep.")
    if keep:
        anyio.run(_check_can_keep, database, options)
    with tempfile.TemporaryDirectory(prefix="experience-mcp-demo-") as folder:
        own = Path(folder) / "experience.db"
        anyio.run(_demo, own, model if live else None)
        if keep:
            anyio.run(_copy, own, database)
    if keep:
        _say_kept(database, options)
    _closing()
    if model is not None and model.api_key and not live:
        _say(f"{model.name} is configured: `experience-mcp demo --live` lets it learn for real.")


async def _demo(database: Path, model: ModelSettings | None) -> None:
    await _describe(database)
    _heading("1. A server starts, as a host would start it: stdio, one file" + _keyless(model))
    client_info = Implementation(name="demo", version=version(APP))
    async with Client(_child(database, model), client_info=client_info) as client:
        tools = await client.list_tools()
        _say("Its tools: " + ", ".join(tool.name for tool in tools.tools) + ".")
        await _submit(client)
        published = await (_learn_live(client, model.name) if model else _learn(client))
        _show_changes(published)
        await _next_agent(client)
    await _show_origin(database)


def _database_options(database: Path) -> list[str]:
    """What later commands need to find the database: nothing if this one was not told either."""
    source = click.get_current_context().get_parameter_source("database")
    named = source is ParameterSource.COMMANDLINE
    return ["--database", str(database.absolute())] if named else []


async def _check_can_keep(database: Path, options: Sequence[str]) -> None:
    """Before the demo: the database can be opened, and the library's name is free in it."""
    async with opened(database) as store:
        if recorded.LIBRARY in await store.libraries.names(recorded.LIBRARY):
            raise ConflictError(
                f"{database} already has a library {recorded.LIBRARY!r}: delete it with "
                f"`{_own_command('delete', recorded.LIBRARY, *options)}`, or name another file "
                "with --database"
            )


async def _copy(source: Path, target: Path) -> None:
    async with opened(source) as store:
        archive = await store.archives.export(recorded.LIBRARY, attempts=True)
    async with opened(target) as store:
        await store.archives.import_library(archive, recorded.LIBRARY)


def _say_kept(database: Path, options: Sequence[str]) -> None:
    _heading(f"The library {recorded.LIBRARY} is kept in {database}")
    for command, *arguments in (
        ("show", recorded.LIBRARY),
        ("why", "G1", "--library", recorded.LIBRARY),
        ("history", recorded.LIBRARY),
        ("delete", recorded.LIBRARY),
    ):
        _say(_own_command(command, *arguments, *options), indent="  ", wrap=False)


def _own_command(*arguments: str) -> str:
    return shlex.join([*program(), *arguments])


def _keyless(model: ModelSettings | None) -> str:
    return "" if model else ", no key"


def _child(database: Path, model: ModelSettings | None) -> StdioServerParameters:
    command, *arguments = cli_command("serve", "--database", str(database))
    environment: dict[str, str] = {}
    if model is not None:
        arguments += ["--model", model.name, "--concurrency", str(model.concurrency)]
        arguments += ["--base-url", model.base_url] if model.base_url else []
        environment = {"OPENAI_API_KEY": model.api_key}
    return StdioServerParameters(command=command, args=arguments, env=environment)


async def _describe(database: Path) -> None:
    async with opened(database) as store:
        await store.libraries.describe(
            recorded.LIBRARY,
            agent_objective=recorded.AGENT_OBJECTIVE,
            learning_objective=recorded.LEARNING_OBJECTIVE,
            policy=Policy(),
        )


async def _submit(client: Client) -> None:
    _heading("2. An agent reports what it tried: four attempts at each of four invoices")
    _say("The desk has conventions that nobody wrote down. The same model won some and lost some:")
    for group in recorded.groups():
        answer = await _call(
            client, "submit_group", {"library": recorded.LIBRARY, **group.model_dump()}, Submitted
        )
        rewards = " ".join(f"{t['reward']:g}" for t in group.trajectories)
        note = (
            "signal: winners to compare with losers"
            if answer.signal
            else "no signal: nothing to compare"
        )
        _say(f"  {group.group_id:8} rewards {rewards}   {note}")


async def _learn(client: Client) -> UpdateOut:
    _heading("3. The host's own model learns: it is asked to compare winners with losers")
    update = await _call(client, "update_experiences", {"library": recorded.LIBRARY}, UpdateOut)
    while update.status == "awaiting_answers":
        answers = [_recorded_answer(r.request_id, r.prompt) for r in update.requests]
        for request in update.requests:
            _say(f"  {request.request_id}: {len(request.prompt):,} characters, recorded answer")
        arguments = {"update_id": update.update_id, "answers": answers}
        update = await _call(client, "submit_answers", arguments, UpdateOut)
    return update


async def _learn_live(client: Client, name: str) -> UpdateOut:
    _heading(f"3. {name} learns in the background: it compares winners with losers")
    arguments = {"library": recorded.LIBRARY}
    update = await _call(client, "update_experiences", arguments, UpdateOut)
    with anyio.fail_after(LIVE_SECONDS):
        while update.status == "running":
            await anyio.sleep(1)
            update = await _call(client, "update_experiences", arguments, UpdateOut)
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
    if update.version is None:
        raise click.ClickException(f"nothing was published: {update.next_step}")
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
    _say(
        f"(version {got.version}; its report will name this retrieval: {got.retrieval_id})",
        indent="  ",
    )


async def _show_origin(database: Path) -> None:
    async with opened(database) as store:
        trace = await store.libraries.provenance(recorded.LIBRARY, "G1")
    _heading("6. And where does G1 come from?")
    for origin in trace.origins:
        groups = "; ".join(f"{g.id} (rewards {_rewards(g)})" for g in origin.groups)
        _say(f"Version {origin.version}, by {origin.author}, from group {groups}.", indent="  ")
        for answer in origin.answers[:1]:
            _say(f"Its reasons: {read_comparison(answer.text).reasons}", indent="  ")


def _rewards(group: GroupTrace) -> str:
    return ", ".join("none" if a.reward is None else f"{a.reward:g}" for a in group.attempts)


def _closing() -> None:
    block = json.dumps(host_entry(database_of_host(), DEFAULT_LIBRARY, None))
    _heading("Connect your own host")
    for host in ("claude-code", "claude-desktop", "cursor", "vscode", "codex"):
        _say(_own_command("install", host), indent="  ", wrap=False)
    _say(f"Any other, in its mcp.json: {block}", indent="  ", wrap=False)


async def _call(client: Client, tool: str, arguments: Mapping[str, object], form: type[T]) -> T:
    result = await client.call_tool(tool, dict(arguments))
    if result.is_error:
        said = " ".join(c.text for c in result.content if isinstance(c, TextContent))
        raise click.ClickException(f"{tool}: {said}")
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
