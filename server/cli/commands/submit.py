"""`submit`: store attempts from JSON lines."""

from __future__ import annotations

import asyncio
import re
import stat
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from experience_store.library import check_library_name
from server import APP
from server.cli.open_database import opened
from server.cli.options import database_option, json_option, leading_library, option
from server.cli.output import count, definition_list, print_json, wrapped
from server.importing.importer import STDIN, Importer, ImportSummary, Input, LibraryImportSummary
from server.importing.rollouts import GroupNaming

MAX_LISTED = 20
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _starts_with_library(arguments: tuple[str, ...]) -> bool:
    """Whether the first of several arguments is a library and not a file."""
    if len(arguments) == 1 or not _PLAIN_NAME.fullmatch(arguments[0]):
        return False
    path = Path(arguments[0])
    return path.is_dir() or not path.exists()


@click.command(epilog="Invalid lines are reported and skipped (exit code 1).")
@click.argument("files", nargs=-1, metavar="[LIBRARY] [FILE]...")
@leading_library("files", _starts_with_library)
@database_option
@option(
    "--group-by",
    metavar="FIELD",
    help="Field whose value groups rollouts.  [default: the first of group_id, task_id, prompt_id, "
    "problem_id, example_id, instance_id]",
)
@option(
    "--prefix",
    metavar="TEXT",
    default="",
    help="Prefix of generated group ids, to keep imports apart.",
)
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
    """Store attempts from JSON lines.

    Without a FILE, or with `-`, stdin is read. Each line has one of three forms:

    \b
    {"task", "trajectories": [{"messages" or "output", "reward"}], …}
        a group, as for the tool submit_group
    {"task", "ground_truth", "attempts": [{"output", "reward", "model"}]}
        a group, as evaluations write it
    {"task_id", "task", "trial", "messages" or "output", "reward", …}
        one rollout; rollouts with the same task_id become one group

    LIBRARY is for lines without a "library". Name it before the files, or with -l if its name has a
    dot or is also that of a file.

    Submitting the same lines again changes nothing: after an interruption, run it again.
    """  # noqa: D301  # click's mark for lines that are not wrapped
    inputs = _find_inputs(files)
    try:
        check_library_name(library)
        summary = asyncio.run(_submit(inputs, database, library, GroupNaming(group_by, prefix)))
    except KeyboardInterrupt:
        click.echo("\nStopped. The lines so far are stored; run it again to complete it.", err=True)
        raise
    if as_json:
        print_json(summary.as_json())
    else:
        _print(summary)
    if summary.bad:
        raise click.exceptions.Exit(1)


async def _submit(
    inputs: Sequence[Input], database: Path, library: str, naming: GroupNaming
) -> ImportSummary:
    async with opened(database) as store:
        importer = Importer(store, library, naming)
        with _progress(inputs) as report:
            for source in inputs:
                await importer.take(source, report)
        return await importer.finish()


@contextmanager
def _progress(inputs: Sequence[Input]) -> Generator[Callable[[int], object]]:
    """A progress bar of the bytes read, on stderr if that is a terminal."""
    size = sum(source.size for source in inputs)
    visible = sys.stderr.isatty() and size > 0
    with click.progressbar(
        length=size, label="Storing", file=sys.stderr, hidden=not visible
    ) as bar:
        yield bar.update


def _print(summary: ImportSummary) -> None:
    for bad in summary.bad_lines[:MAX_LISTED]:
        click.echo(wrapped(f"{bad.file}:{bad.line}: {bad.reason}", indent="  "), err=True)
    if summary.bad > MAX_LISTED:
        click.echo(f"… and {summary.bad - MAX_LISTED:,} more", err=True)
    if summary.bad:
        invalid = count(summary.bad, "invalid line")
        click.echo(f"Skipped {invalid} of {summary.lines:,}.\n", err=True)
    for library in summary.libraries.values():
        click.echo(definition_list(_rows(library)))
    if not summary.libraries:
        click.echo("Nothing was stored.")
    for library in summary.libraries.values():
        if library.waiting:
            learn = f"`{APP} learn {library.library}`"
            click.echo(f"\nTo learn: {learn}, or ask an agent to call update_experiences.")


def _rows(of: LibraryImportSummary) -> list[tuple[str, str]]:
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
    """The inputs with these names; without a name, stdin.

    Raises:
        OSError: If a file cannot be read; raised before any is.
        click.UsageError: If no file is named and stdin is a terminal.
    """
    if not names and sys.stdin.isatty():
        raise click.UsageError("name a FILE, or - for stdin")
    return [_find_input(name) for name in names or (STDIN,)]


def _find_input(name: str) -> Input:
    if name == STDIN:
        return Input("-", 0)
    found = Path(name).stat()
    with Path(name).open("rb"):
        return Input(name, found.st_size if stat.S_ISREG(found.st_mode) else 0)
