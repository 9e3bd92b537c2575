"""`install`: put the server into a host's configuration, or take it out again."""

from __future__ import annotations

import difflib
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from experience_store.errors import BadInputError
from server import APP
from server.cli.host_entry import launch, serve_arguments
from server.cli.hosts.catalogue import HOSTS, Host, Planned, Scope, host_of_file, over_http, stdio
from server.cli.hosts.change import Change, carry_back, carry_out
from server.cli.hosts.installing import installing
from server.cli.hosts.lock import alone
from server.cli.hosts.places import Machine
from server.cli.hosts.undoing import undoing
from server.cli.masking import masked
from server.cli.options import database_option, library_option, option
from server.cli.output import faint, printable, wrapped
from server.http.address import is_loopback

_CONTEXT = 2
_LONGEST = 300
_BEHIND = "\0"  # is in no such file
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUFFIXES = (".json", ".jsonc", ".toml")


@click.command()
@click.argument("host", metavar="HOST")
@option(
    "--scope",
    type=click.Choice(["user", "project"]),
    default="user",
    show_default=True,
    help="For everything you do, or for the project in this folder.",
)
@library_option
@database_option
@option(
    "--url", metavar="URL", help="A server over HTTP that runs already, instead of starting one."
)
@option(
    "--token-env",
    metavar="VARIABLE",
    help="With --url: the environment variable that holds the server's token.",
)
@option(
    "--name", metavar="NAME", default="experience", show_default=True, help="Name of the entry."
)
@option("--dry-run", is_flag=True, help="Show the change and do nothing.")
@option("--yes", "-y", is_flag=True, help="Do not ask.")
@option("--undo", is_flag=True, help="Put back what was there before.")
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
    """Put the server into a host's configuration.

    HOST is claude-desktop, claude-code, cursor, vscode or codex, or the path of any other host's
    mcp.json. The change is shown before it is made; everything else in the file stays as it is,
    comments too. --undo takes back what was installed, and nothing that was changed since.
    """
    machine = Machine.here()
    known, file = _meant(host, machine, scope)
    planned = None
    if not undo:
        _check_name(name)
        planned = _planned(known, machine, scope, (database, library), (url, token_env))
    with ExitStack() as until_written:
        if yes and not dry_run:
            until_written.enter_context(alone())
        change = installing(known, file, name, planned) if planned else undoing(known, file, name)
        _show(change)
        if dry_run or not (change.changes_something or undo):
            return
        if not yes:
            if change.changes_something:
                _ask(change)
            until_written.enter_context(alone())
        (carry_back if undo else carry_out)(change)
    _tell(known, change, name, undo=undo)


def _meant(host: str, machine: Machine, scope: Scope) -> tuple[Host, Path]:
    if known := HOSTS.get(host):
        return known, known.file(machine, scope)
    path = Path(host).expanduser()
    if path.suffix not in _SUFFIXES or path.is_dir():
        raise click.UsageError(
            f"{host!r} is no host: give {', '.join(HOSTS)}, or the path of a file in .json or .toml"
        )
    return host_of_file(path), path.absolute()


def _planned(
    host: Host,
    machine: Machine,
    scope: Scope,
    settings: tuple[Path, str],
    served: tuple[str | None, str | None],
) -> Planned:
    url, token_env = served
    if url is not None:
        return _of_running_server(host, machine, url, token_env)
    if token_env is not None:
        raise click.UsageError("--token-env is for a server over HTTP: give its --url, too")
    shared = scope == "project"
    planned = stdio(host, [*launch(shared=shared), *serve_arguments(*settings)])
    if shared and Path(str(planned.entry["command"])).is_absolute():
        note = "The command is a path of this machine: on others this project's file needs theirs."
        return replace(planned, notes=(note,))
    return planned


def _of_running_server(host: Host, machine: Machine, url: str, token_env: str | None) -> Planned:
    context = click.get_current_context()
    for name in ("library", "database"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is for a server that the host starts, not with --url")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInputError(f"{url!r} is no URL of a server: http://127.0.0.1:8000/mcp is one")
    if token_env is not None and not _VARIABLE.fullmatch(token_env):
        raise click.UsageError(  # it may be the token itself, so it is not repeated
            "--token-env takes the name of an environment variable, like EXPERIENCE_TOKEN"
        )
    planned = over_http(host, url, token_env, machine.environment)
    if token_env and parts.scheme == "http" and not is_loopback(parts.hostname):
        note = f"{url} is not encrypted: whoever is on the way can read the token. Use https."
        return replace(planned, notes=(*planned.notes, note))
    return planned


def _check_name(name: str) -> None:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise BadInputError(f"{name!r} is no name for all hosts: take letters, digits, - and _")


def _show(change: Change) -> None:
    path = printable(str(change.file.path))
    if not change.changes_something:
        click.echo(f"{path} is already so. Nothing to change.")
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
    """What is shown of each line; behind it, and not shown, what it is compared by."""
    pairs = zip(masked(text).split("\n"), text.split("\n"), strict=True)
    lines = [f"{shown}{_BEHIND}{line}" for shown, line in pairs]
    return lines if lines[-1] != _BEHIND else lines[:-1]


def _shown(line: str) -> str:
    """A line for a terminal: short, and without what could steer it."""
    shown = line.partition(_BEHIND)[0].rstrip("\r")
    text = "".join(c if c.isprintable() or c == "\t" else "?" for c in shown)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _ask(change: Change) -> None:
    try:
        agreed = click.confirm(f"Write {change.file.path}?", default=True, err=True)
    except click.Abort as error:
        raise click.ClickException(
            "nobody answered, so nothing was changed: give --yes, or --dry-run to look only"
        ) from error
    if not agreed:
        click.echo("Nothing was changed.")
        raise click.exceptions.Exit(1)


def _tell(host: Host, change: Change, name: str, *, undo: bool) -> None:
    copy = change.place.folder / (change.record.before or "")
    kept = faint(f"The file as it was: {copy}") if copy.is_file() else ""
    if undo:
        click.echo(f"{host.title}: {name!r} is taken back, from the host's next start on.")
    else:
        click.echo(f"{host.title}: {name!r} is installed. {host.afterwards}")
    if kept:
        click.echo(kept)
    if not undo:
        again = f"{APP} install {host.name if host.user else change.file.path}"
        click.echo(faint(f"To undo: {again} --undo, with the same --scope and --name."))
