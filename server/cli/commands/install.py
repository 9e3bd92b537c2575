"""`install`: put the server into a host's configuration, or take it out again."""

from __future__ import annotations

import difflib
import re
import shlex
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from experience_store.errors import BadInputError
from server import APP
from server.cli.hosts.catalogue import (
    HOSTS,
    Host,
    Machine,
    PlannedEntry,
    Scope,
    host_of_file,
    http_entry,
    stdio_entry,
)
from server.cli.hosts.changes import FileChange, plan_install, plan_undo
from server.cli.hosts.config_file import exclusive_lock
from server.cli.hosts.launch import launch_command, serve_arguments
from server.cli.hosts.masking import masked
from server.cli.options import database_option, library_option, option
from server.cli.output import faint, printable, wrapped
from server.http.address import is_loopback

_CONTEXT = 2
_ENTRY = "experience"  # name of the entry by default
_MAX_LINE = 300
_HIDDEN = "\0"  # separates what is shown of a line from the line itself
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*")
_SUFFIXES = (".json", ".jsonc", ".toml")


@click.command()
@click.argument("host", metavar="HOST")
@option(
    "--scope",
    type=click.Choice(["user", "project"]),
    default="user",
    show_default=True,
    help="The host's file for all projects, or for the project in this folder.",
)
@library_option
@database_option
@option(
    "--url", metavar="URL", help="URL of a running server, instead of one that the host starts."
)
@option(
    "--token-env",
    metavar="VARIABLE",
    help="With --url: the environment variable that holds the server's token.",
)
@option(
    "--name",
    metavar="NAME",
    default=_ENTRY,
    show_default=True,
    help="Name of the server's entry in the host's configuration.",
)
@option("--dry-run", is_flag=True, help="Show the change without writing it.")
@option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@option("--undo", is_flag=True, help="Restore what was there before; keep later changes by others.")
def install(  # noqa: PLR0913  # one for each option
    *,
    host: str,
    scope: Scope,
    library: str,
    database: Path,
    url: str | None,
    token_env: str | None,
    name: str,
    dry_run: bool,
    yes: bool,
    undo: bool,
) -> None:
    """Add the server to a host's configuration.

    HOST is claude-desktop, claude-code, cursor, vscode or codex, or the path of any other host's
    mcp.json. The change is shown before it is written; everything else in the file stays as it is,
    comments included. --undo takes the entry out again and restores what it replaced.
    """
    machine = Machine.here()
    known, file = _host_and_file(host, machine, scope)
    planned = None
    if not undo:
        _check_name(name)
        planned = _planned(known, machine, scope, (database, library), (url, token_env))
    with ExitStack() as until_written:
        if yes and not dry_run:
            until_written.enter_context(exclusive_lock())
        change = plan_install(known, file, name, planned) if planned else plan_undo(file, name)
        _show(change)
        if dry_run or not (change.changes_something or undo):
            return
        if not yes:
            if change.changes_something:
                _ask(change)
            until_written.enter_context(exclusive_lock())
        (change.undo if undo else change.install)()
    _report(known, scope, change, name, undo=undo)


def _host_and_file(host: str, machine: Machine, scope: Scope) -> tuple[Host, Path]:
    if known := HOSTS.get(host):
        return known, known.file(machine, scope)
    path = Path(host).expanduser()
    if path.suffix not in _SUFFIXES or path.is_dir():
        raise click.UsageError(
            f"unknown host {host!r}: give {', '.join(HOSTS)}, or the path of a .json or .toml file"
        )
    return host_of_file(path), path.absolute()


def _planned(
    host: Host,
    machine: Machine,
    scope: Scope,
    settings: tuple[Path, str],
    served: tuple[str | None, str | None],
) -> PlannedEntry:
    url, token_env = served
    if url is not None:
        return _entry_of_running_server(host, machine, url, token_env)
    if token_env is not None:
        raise click.UsageError("--token-env is for a running server: give its --url, too")
    shared = scope == "project"
    planned = stdio_entry(host, [*launch_command(shared=shared), *serve_arguments(*settings)])
    if shared and Path(str(planned.entry["command"])).is_absolute():
        note = "The command is a path on this machine; other machines need their own."
        return replace(planned, notes=(note,))
    return planned


def _entry_of_running_server(
    host: Host, machine: Machine, url: str, token_env: str | None
) -> PlannedEntry:
    context = click.get_current_context()
    for name in ("library", "database"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is for a server that the host starts, not with --url")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInputError(f"invalid URL {url!r}: give one such as http://127.0.0.1:8000/mcp")
    if token_env is not None and not _VARIABLE.fullmatch(token_env):
        raise click.UsageError(  # it may be the token itself, so it is not repeated
            "--token-env takes the name of an environment variable, such as EXPERIENCE_TOKEN"
        )
    planned = http_entry(host, url, token_env, machine.environment)
    if token_env and parts.scheme == "http" and not is_loopback(parts.hostname):
        note = f"{url} is not encrypted: others on the network can read the token. Use https."
        return replace(planned, notes=(*planned.notes, note))
    return planned


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInputError(f"invalid name {name!r}: use letters, digits, - and _")


def _show(change: FileChange) -> None:
    path = printable(str(change.file.path))
    if not change.changes_something:
        click.echo(f"{path} is up to date. Nothing to change.")
        return
    lines = difflib.unified_diff(
        _lines(change.file.text),
        _lines(change.new_text),
        path if change.file.raw is not None else "(no file)",
        path if change.after is not None else "(no file)",
        n=_CONTEXT,
        lineterm="",
    )
    for line in lines:
        click.echo(click.style(_shown(line), fg=_COLOURS.get(line[:1])))
    for note in change.notes:
        click.echo(wrapped(note))


def _lines(text: str) -> list[str]:
    """Each line as it is shown, then the line itself: a changed secret is a change."""
    pairs = zip(masked(text).split("\n"), text.split("\n"), strict=True)
    lines = [f"{shown}{_HIDDEN}{line}" for shown, line in pairs]
    return lines if lines[-1] != _HIDDEN else lines[:-1]


def _shown(line: str) -> str:
    """A line for a terminal: short, and without control characters."""
    shown = line.partition(_HIDDEN)[0].rstrip("\r")
    text = "".join(c if c.isprintable() or c == "\t" else "?" for c in shown)
    return text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]}…"


def _ask(change: FileChange) -> None:
    try:
        agreed = click.confirm(f"Write {change.file.path}?", default=True, err=True)
    except click.Abort as error:
        raise click.ClickException(
            "no answer, so nothing was changed: give --yes, or --dry-run to see the change"
        ) from error
    if not agreed:
        click.echo("Nothing was changed.")
        raise click.exceptions.Exit(1)


def _report(host: Host, scope: Scope, change: FileChange, name: str, *, undo: bool) -> None:
    if undo:
        click.echo(f"Removed {name!r} from {host.title}. Restart it to disconnect.")
    else:
        click.echo(f"Added {name!r} to {host.title}. {host.afterwards}")
    if copy := change.first_copy:
        click.echo(faint(f"The file as it was: {copy}"))
    if not undo:
        again = [APP, "install", host.name if host.user else str(change.file.path), "--undo"]
        again += ["--scope", scope] if scope != "user" else []
        again += ["--name", name] if name != _ENTRY else []
        click.echo(faint(f"To undo: {shlex.join(again)}"))
