"""Docs cannot drift: tables in README and docs are held against the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click

from experience_store.library import Policy
from server.cli.main import main
from server.mcp.tools import core_tools

ROOT = Path(__file__).parents[1]


def first_cells(document: str, heading: str) -> list[str]:
    """The code in the first column of the table after a heading."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(heading)[2]
    table = re.search(r"\n\|.*?(?=\n\n|\Z)", text, re.DOTALL)
    assert table, f"no table after {heading!r} in {document}"
    return re.findall(r"^\| `([^`]+)`", table[0], re.MULTILINE)


def test_readme_lists_the_tools_that_there_are() -> None:
    assert first_cells("README.md", "## What your agent gets") == [t.name for t in core_tools()]


def test_the_settings_table_lists_the_options_of_serve() -> None:
    context = click.Context(main)
    serve = main.get_command(context, "serve")
    assert serve
    options = [p.opts[0] for p in serve.params if isinstance(p, click.Option)]

    assert first_cells("docs/settings.md", "# Settings") == [o for o in options if o != "--help"]


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
