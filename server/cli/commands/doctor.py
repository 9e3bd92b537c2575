"""`doctor`: whether everything is in order, and what to do about what is not."""

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
    look_at_database,
    look_at_environment,
    look_at_libraries,
    look_at_model,
    look_at_program,
    look_at_release,
    look_at_tokens,
)
from server.cli.hosts.launch import host_entry
from server.cli.options import database_option, json_option, library_option, model_options, option
from server.cli.output import faint, print_json, title, wrapped
from server.settings import ModelSettings

_ENTRY = f"For the configuration of a host (mcp.json; `{APP} install HOST` writes it)"
_COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@click.command()
@database_option
@library_option
@model_options(needs_key=False)
@option("--check-model", is_flag=True, help="Put one small question to the model.")
@json_option
def doctor(
    *,
    database: Path,
    library: str,
    model: ModelSettings | None,
    check_model: bool,
    as_json: bool,
) -> None:
    """Look for what is wrong with the set-up.

    Prints the entry for a host's configuration, too. Nothing is made or changed. The exit code is
    1 if something is broken.
    """
    findings: list[Finding] = []
    for finding in _findings(database, model, check_model=check_model):
        findings.append(finding)
        if not as_json:
            _print(finding)
    broken = sum(finding.status == "broken" for finding in findings)
    entry = host_entry(database, library, model)
    if as_json:
        found = [asdict(finding) for finding in findings]
        print_json({"ok": not broken, "findings": found, "mcp_json": entry})
    else:
        click.echo(f"\n{title(_ENTRY)}")
        click.echo(json.dumps(entry, ensure_ascii=False, indent=2))
    if broken:
        raise click.exceptions.Exit(1)


def _findings(
    database: Path, model: ModelSettings | None, *, check_model: bool
) -> Iterator[Finding]:
    yield from look_at_release(version(APP))
    yield from look_at_program()
    sound = True
    for finding in look_at_database(database):
        sound = sound and finding.status != "broken"
        yield finding
    if sound and database.exists():
        yield from look_at_libraries(database, model)
        yield from look_at_tokens(database)
    yield from look_at_model(model)
    if check_model:
        yield from ask_model(model)
    yield from look_at_environment(database)


def _print(finding: Finding) -> None:
    start = f"{finding.status:<8}{finding.subject:<13}"
    text = wrapped(finding.text, first=start)
    mark = click.style(text[:8], fg=_COLOURS[finding.status])
    click.echo(mark + text[8:])
    if finding.remedy:
        click.echo(faint(wrapped(finding.remedy, first=" " * len(start))))
