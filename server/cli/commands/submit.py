"""`submit`: attempts from files into the store, line by line."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from experience_store.library import check_library_name
from server import APP
from server.cli.database import opened
from server.cli.options import database_option, json_option, library_option, option
from server.cli.output import count, fields, print_json, wrapped
from server.importing.importer import STDIN, Importer, Input, LibraryTally, Tally
from server.importing.rollouts import Naming

MAX_LISTED = 20


@click.command(epilog="Bad lines are named and left out; then the exit code is 1.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@database_option
@library_option
@option("--group-by", metavar="FIELD", help="Field that names the group of a rollout.")
@option("--prefix", metavar="TEXT", default="", help="Stands before the id of every group.")
@json_option
def submit(
    *,
    files: tuple[str, ...],
    database: Path,
    library: str,
    group_by: str | None,
    prefix: str,
    as_json: bool,
) -> None:
    """Store groups of attempts from JSON lines.

    Without a FILE, or with `-`, they are read from stdin. Lines have one of three forms:

    \b
    {"task", "trajectories": [{"messages" or "output", "reward"}], …}
        a group, as the tool submit_group takes it
    {"task", "ground_truth", "attempts": [{"output", "reward", "model"}]}
        a group, as evaluations write it
    {"task_id", "task", "trial", "messages" or "output", "reward", …}
        one rollout; rollouts of one task_id become one group

    --library is for lines that name none. The same again changes nothing, so after an
    interruption just start anew.
    """  # noqa: D301  # click's own mark for lines that are not wrapped
    inputs = _find_inputs(files)
    try:
        check_library_name(library)
        tally = asyncio.run(_submit(inputs, database, library, Naming(group_by, prefix)))
    except KeyboardInterrupt:
        click.echo("\nStopped. What was read is stored; the same again completes it.", err=True)
        raise
    if as_json:
        print_json(tally.as_json())
    else:
        _print(tally)
    if tally.bad:
        raise click.exceptions.Exit(1)


async def _submit(inputs: Sequence[Input], database: Path, library: str, naming: Naming) -> Tally:
    async with opened(database) as store:
        importer = Importer(store, library, naming)
        with _progress(inputs) as report:
            for source in inputs:
                await importer.take(source, report)
        return await importer.finish()


@contextmanager
def _progress(inputs: Sequence[Input]) -> Generator[Callable[[int], object]]:
    """A bar on stderr that moves with the bytes read; nothing where nobody watches."""
    size = sum(source.size for source in inputs)
    watched = sys.stderr.isatty() and size > 0
    with click.progressbar(
        length=size, label="Storing", file=sys.stderr, hidden=not watched
    ) as bar:
        yield bar.update


def _print(tally: Tally) -> None:
    for bad in tally.bad_lines[:MAX_LISTED]:
        click.echo(wrapped(f"{bad.file}:{bad.line}: {bad.reason}", indent="  "), err=True)
    if tally.bad > MAX_LISTED:
        click.echo(f"… and {tally.bad - MAX_LISTED:,} more", err=True)
    if tally.bad:
        click.echo(f"{count(tally.bad, 'bad line')} left out of {tally.lines:,}.\n", err=True)
    for of in tally.libraries.values():
        click.echo(fields(_summary(of)))
    if not tally.libraries:
        click.echo("Nothing was stored.")
    for of in tally.libraries.values():
        if of.waiting:
            learn = f"`{APP} learn --library {of.library}`"
            click.echo(f"\nTo learn: {learn}, or let an agent call update_experiences.")


def _summary(of: LibraryTally) -> list[tuple[str, str]]:
    read = [f"{of.new:,} new", f"{of.known:,} known"]
    if of.scored:
        read.append(f"{of.scored:,} scored late")
    if of.secrets_removed:
        read.append(f"{count(of.secrets_removed, 'secret')} removed")
    groups = f"{count(of.groups, 'group')} ({of.new_groups:,} new), {of.with_signal:,} with signal"
    return [
        (of.library, f"{count(of.attempts, 'attempt')} read: {', '.join(read)}"),
        ("", f"{groups}, {of.waiting:,} waiting to be learned from"),
    ]


def _find_inputs(names: Sequence[str]) -> list[Input]:
    """The inputs of these names, standard input for none.

    Raises:
        OSError: If one cannot be read; found out before anything is.
        click.UsageError: If nothing is named and a person sits at standard input.
    """
    if not names and sys.stdin.isatty():
        raise click.UsageError("give a FILE, or - for stdin")
    return [_find_input(name) for name in names or (STDIN,)]


def _find_input(name: str) -> Input:
    if name == STDIN:
        return Input("-", 0)
    found = Path(name).stat()
    with Path(name).open("rb"):
        return Input(name, found.st_size if stat.S_ISREG(found.st_mode) else 0)
