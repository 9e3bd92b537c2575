"""`doctor`: check the setup and suggest fixes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import click

from server import APP
from server.cli.diagnostics import (
    Finding,
    ask_model,
    check_database,
    check_environment,
    check_libraries,
    check_model_settings,
    check_program,
    check_release,
    check_tokens,
)
from server.cli.hosts.launch import host_entry
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import database_option, json_option, library_argument, model_options, option
from server.cli.output import faint, print_json, title, wrapped
from server.settings import ModelSettings

_ENTRY = f"Entry for the configuration of a host (mcp.json); `{APP} install HOST` writes it"
_COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@click.command(cls=SectionedCommand)
@library_argument(help="Library for the host's entry; same as LIBRARY.")
@database_option
@section(
    "Model",
    model_options(needs_key=False),
    option("--check-model", is_flag=True, help="Send a short test question to the model."),
)
@json_option
def doctor(
    *, database: Path, library: str, model: ModelSettings | None, check_model: bool, as_json: bool
) -> None:
    """Check the setup and suggest fixes.

    It also prints the entry for a host's configuration. Nothing is created or changed. The exit
    code is 1 if something is broken.
    """
    findings: list[Finding] = []
    for finding in _check(database, model, check_model=check_model):
        findings.append(finding)
        if not as_json:
            _print(finding)
    broken = sum(finding.status == "broken" for finding in findings)
    entry = host_entry(database, library, model)
    if as_json:
        records = [asdict(finding) for finding in findings]
        print_json({"ok": not broken, "findings": records, "mcp_json": entry})
    else:
        click.echo(f"\n{title(_ENTRY)}")
        click.echo(json.dumps(entry, ensure_ascii=False, indent=2))
    if broken:
        raise click.exceptions.Exit(1)


def _check(database: Path, model: ModelSettings | None, *, check_model: bool) -> Iterator[Finding]:
    yield from check_release(version(APP))
    yield from check_program()
    intact = True
    for finding in check_database(database):
        intact = intact and finding.status != "broken"
        yield finding
    if intact and database.exists():
        yield from check_libraries(database, model)
        yield from check_tokens(database)
    yield from check_model_settings(model)
    if check_model:
        yield from ask_model(model)
    yield from check_environment(database)


def _print(finding: Finding) -> None:
    first = f"{finding.status:<8}{finding.subject:<13}"
    text = wrapped(finding.text, first=first)
    status = click.style(text[:8], fg=_COLOURS[finding.status])
    click.echo(status + text[8:])
    if finding.remedy:
        click.echo(faint(wrapped(finding.remedy, first=" " * len(first))))
