"""Docs cannot drift: tables, commands, links and paths are checked against the code."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from mcp import Client

from experience_store.library import Policy
from server.cli.main import SUMMARIES, main
from server.cli.options import KEY_NAMES
from server.mcp.build import build_server
from server.mcp.tools import core_tools
from server.practice.cli.command_options import TEACHER_KEY
from server.practice.client.connection import TOKEN
from server.settings import Settings
from tests.paths import ROOT

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for folder, pattern in ((".", "*.md"), ("docs", "**/*.md"), ("examples", "**/*.md"))
    for page in (ROOT / folder).glob(pattern)
)
FOLDERS = "server|experience_store|tests|docs|examples|benchmarks|packaging|.ci"
EVERY_PAGE = pytest.mark.parametrize("page", PAGES)

_FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CALL = re.compile(r"(?<![=\w/-])experience-mcp (.*)")
_PATH = re.compile(rf"(?:{FOLDERS})/[\w./-]*")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def first_cells(document: str, heading: str) -> list[str]:
    """The code in the first column of the table after a heading."""
    text = read(document).partition(heading)[2]
    table = re.search(r"\n\|.*?(?=\n\n|\Z)", text, re.DOTALL)
    assert table, f"no table after {heading!r} in {document}"
    return re.findall(r"^\| `([^`]+)`", table[0], re.MULTILINE)


# Tables


def test_readme_lists_the_tools() -> None:
    assert first_cells("README.md", "## Tools") == [t.name for t in core_tools()]


def test_the_commands_table_lists_the_commands() -> None:
    assert first_cells("docs/commands.md", "# Commands") == list(SUMMARIES)


def test_the_settings_table_lists_the_options_of_serve() -> None:
    options = [p.opts[0] for p in command("serve").params if isinstance(p, click.Option)]

    assert first_cells("docs/settings.md", "# Settings") == [o for o in options if o != "--help"]


def test_the_table_of_api_keys_lists_their_variables() -> None:
    assert first_cells("docs/settings.md", "## API keys") == [*KEY_NAMES, TEACHER_KEY, TOKEN]


def test_every_option_of_every_command_has_an_environment_variable() -> None:
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "help":
                assert option.envvar or option.show_envvar, f"{name} {option.opts}"


def test_the_policy_table_lists_the_policy() -> None:
    listed = first_cells("docs/settings.md", "## Policy of a library")

    assert listed == [f.name for f in fields(Policy)]


@pytest.mark.parametrize("tool", [tool.name for tool in core_tools()])
def test_the_mcp_reference_lists_the_arguments_of_a_tool(tool: str) -> None:
    (found,) = (t for t in core_tools() if t.name == tool)

    assert first_cells("docs/mcp.md", f"## {tool}") == list(found.parameters["properties"])


def test_the_mcp_reference_lists_the_fields_of_a_trajectory() -> None:
    (submit,) = (t for t in core_tools() if t.name == "submit_group")
    sent = submit.parameters["properties"]["trajectories"]["items"]["properties"]

    assert first_cells("docs/mcp.md", "## Trajectories") == list(sent)


async def test_the_example_of_the_mcp_reference_is_a_group_with_signal(settings: Settings) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", read("docs/mcp.md"), re.DOTALL)
    async with Client(build_server(settings)) as client:
        result = await client.call_tool("submit_group", json.loads(example))

    assert not result.is_error, result.content
    assert result.structured_content == {
        "library": "travel-desk",
        "group_id": "booking-4711",
        "signal": True,
        "trajectories": 2,
        "next_step": "1 group waiting: call update_experiences to learn from it.",
    }


async def test_the_mcp_reference_lists_resources_and_prompts(settings: Settings) -> None:
    async with Client(build_server(settings)) as client:
        templates = await client.list_resource_templates()
        prompts = await client.list_prompts()

    resources = {t.uri_template for t in templates.resource_templates}
    listed = first_cells("docs/mcp.md", "## Resources")
    assert {uri for uri in resources if "/references/" not in uri} == set(listed)
    assert first_cells("docs/mcp.md", "## Prompts") == [p.name for p in prompts.prompts]


# Commands


def command(*names: str) -> click.Command:
    """A command, or one below it."""
    found: click.Command = main
    for name in names:
        assert isinstance(found, click.Group)
        below = found.get_command(click.Context(found), name)
        assert below, f"there is no command {' '.join(names)!r}"
        found = below
    return found


def options_of(found: click.Command) -> set[str]:
    options = [p for p in found.params if isinstance(p, click.Option)]
    return {"-h", "--help"}.union(*(set(o.opts) | set(o.secondary_opts) for o in options))


def command_lines(page: str) -> Iterator[list[str]]:
    """The arguments of every call of the program in a page, in blocks and in the text."""
    text = read(page)
    blocks = "\n".join(_FENCED.findall(text)).replace("\\\n", " ").splitlines()
    spans = [" ".join(span.split()) for span in _SPAN.findall(_FENCED.sub("", text))]
    for line in [*blocks, *spans]:
        if line.startswith("docker build"):
            continue
        call = _CALL.search(line)
        if call or (line in spans and line.split(" ")[0] in SUMMARIES and " -" in line):
            words = re.sub(r"[\[\]]|\.\.\.", " ", call[1] if call else line)
            yield list(_before_operator(shlex.split(words, comments=True)))


def _before_operator(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in {"|", ">", "<", "&&", "||", ";", "&"}:
            return
        yield word.rstrip(";")


@EVERY_PAGE
def test_every_command_in_a_page_exists_with_its_options(page: str) -> None:
    for words in command_lines(page):
        if not words or words[0].isupper():  # a placeholder
            continue
        if words[0].startswith("-"):
            words.insert(0, "serve")
        found = command(words[0])
        if isinstance(found, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            found = command(*words[:2])
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert given <= options_of(found), f"{' '.join(words)}: {given - options_of(found)}"


# Links, paths, readers


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@EVERY_PAGE
def test_every_link_of_a_page_resolves(page: str) -> None:
    for link in _LINK.findall(_FENCED.sub("", read(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@EVERY_PAGE
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = {p for span in _SPAN.findall(_FENCED.sub("", read(page))) for p in span.split()}
    for path in named:
        if _PATH.fullmatch(path):
            assert (ROOT / path).exists(), path


@EVERY_PAGE
def test_every_page_says_at_the_top_who_it_is_for(page: str) -> None:
    if page == "README.md":
        return
    title, purpose, *_ = read(page).split("\n\n")
    assert title.startswith("# ")
    assert purpose.startswith("*For ")
    assert purpose.endswith("*")


def test_the_index_lists_every_page() -> None:
    linked = {(ROOT / "docs" / link).resolve() for link in _LINK.findall(read("docs/README.md"))}
    pages = {(ROOT / page).resolve() for page in PAGES if page.startswith("docs/")}

    assert pages - linked == {(ROOT / "docs/README.md").resolve()}
