"""`submit`: store attempts from files."""

from __future__ import annotations

import asyncio
import re
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from experience_store.library import check_library_name
from server import APP
from server.cli.open_database import opened
from server.cli.options import database_option, json_option, leading_library, option
from server.cli.output import count, definition_list, print_json, wrapped
from server.importing.importer import (
    STDIN,
    BadLine,
    Importer,
    ImportSummary,
    Input,
    LibraryImportSummary,
)
from server.importing.naming import FieldNames

MAX_LISTED = 20
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _starts_with_library(arguments: tuple[str, ...]) -> bool:
    """Whether the first of several arguments is a library and not a file."""
    if len(arguments) == 1 or not _PLAIN_NAME.fullmatch(arguments[0]):
        return False
    path = Path(arguments[0])
    return path.is_dir() or not path.exists()


@click.command(epilog="What is invalid is reported and skipped (exit code 1).")
@click.argument("files", nargs=-1, metavar="[LIBRARY] [FILE]...")
@leading_library("files", _starts_with_library)
@database_option
@option("--reward-field", metavar="FIELD", help="Field with the reward; may have dots.")
@option("--task-field", metavar="FIELD", help="Field with the task.")
@option("--messages-field", metavar="FIELD", help="Field with the attempt, as chat messages.")
@option("--output-field", metavar="FIELD", help="Field with the attempt, as text.")
@option("--truth-field", metavar="FIELD", help="Field with the ground truth.")
@option(
    "--group-by",
    metavar="FIELD",
    help="Field whose value groups attempts.  [default: the first of group_id, task_id, prompt_id, "
    "problem_id, example_id, instance_id, else the task]",
)
@option(
    "--prefix",
    metavar="TEXT",
    default="",
    help="Prefix of generated group ids, to keep imports apart.",
)
@option("--dry-run", is_flag=True, help="Show what would be stored, and store nothing.")
@json_option
def submit(  # noqa: PLR0913  # one for each option
    *,
    files: tuple[str, ...],
    database: Path,
    library: str,
    reward_field: str | None,
    task_field: str | None,
    messages_field: str | None,
    output_field: str | None,
    truth_field: str | None,
    group_by: str | None,
    prefix: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Store attempts from files.

    FILE holds JSON lines, a JSON document, a table (CSV, TSV) or Parquet, perhaps compressed with
    gzip; without a FILE, or with `-`, stdin is read. Known forms: tau-bench, tau2-bench, Inspect
    (.json and .eval), verl, LangSmith, OpenHands, Youtu-Agent, lm-evaluation-harness, SWE-bench,
    ATIF, promptfoo, OpenAI evals, lists of completions, preferences, and

    \b
    {"task", "trajectories": [{"messages" or "output", "reward"}], …}
        a group, as for the tool submit_group
    {"task", "ground_truth", "attempts": [{"output", "reward", "model"}]}
        a group, as evaluations write it
    {"task_id", "task", "trial", "messages" or "output", "reward", …}
        one attempt; attempts with the same task_id become one group

    For other forms, name the fields. A name may have dots: test_result.report.resolved.

    LIBRARY is for entries without a "library". Name it before the files, or with -l if its name
    has a dot or is also that of a file.

    Submitting the same file again changes nothing: after an interruption, run it again.
    """  # noqa: D301  # click's mark for lines that are not wrapped
    inputs = _find_inputs(files)
    fields = FieldNames(
        group=group_by,
        prefix=prefix,
        task=task_field,
        truth=truth_field,
        reward=reward_field,
        messages=messages_field,
        output=output_field,
    )
    try:
        check_library_name(library)
        with _temporary() if dry_run else nullcontext(database) as store:
            summary = asyncio.run(_submit(inputs, store, library, fields))
    except KeyboardInterrupt:
        click.echo("\nStopped. The lines so far are stored; run it again to complete it.", err=True)
        raise
    if as_json:
        print_json({**summary.as_json(), "dry_run": dry_run})
    else:
        _print(summary, dry_run=dry_run)
    if summary.bad:
        raise click.exceptions.Exit(1)


@contextmanager
def _temporary() -> Generator[Path]:
    """A database for a dry run, which is deleted at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "dry-run.db"


async def _submit(
    inputs: Sequence[Input], database: Path, library: str, fields: FieldNames
) -> ImportSummary:
    async with opened(database) as store:
        importer = Importer(store, library, fields)
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


def _print(summary: ImportSummary, *, dry_run: bool) -> None:
    _print_skipped(summary)
    for library in summary.libraries.values():
        click.echo(definition_list(_rows(library)))
    if not summary.libraries:
        click.echo("Nothing was stored.")
        return
    for note in _notes(summary):
        click.echo(wrapped(note))
    if dry_run:
        click.echo("\nThis was a dry run, as into an empty library: nothing was stored.")
        return
    for library in summary.libraries.values():
        if library.waiting:
            learn = f"`{APP} learn {library.library}`"
            click.echo(f"\nTo learn: {learn}, or ask an agent to call update_experiences.")


def _print_skipped(summary: ImportSummary) -> None:
    """What was skipped; the same reason is given once, with the first place."""
    first: dict[str, BadLine] = {}
    times: Counter[str] = Counter()
    for bad in summary.bad_lines:
        first.setdefault(bad.reason, bad)
        times[bad.reason] += 1
    for reason, bad in list(first.items())[:MAX_LISTED]:
        more = f" (and {times[reason] - 1:,} more like it)" if times[reason] > 1 else ""
        click.echo(wrapped(f"{bad.place}: {reason}{more}", indent="  "), err=True)
    unlisted = summary.bad - sum(times[reason] for reason in list(first)[:MAX_LISTED])
    if unlisted:
        click.echo(f"… and {unlisted:,} more", err=True)
    if summary.bad:
        in_lines = all(bad.line is not None for bad in summary.bad_lines)
        invalid = (
            count(summary.bad, "invalid line")
            if in_lines
            else count(summary.bad, "invalid entry", "invalid entries")
        )
        click.echo(f"Skipped {invalid} of {summary.lines:,}.\n", err=True)


def _notes(summary: ImportSummary) -> list[str]:
    """What a user may want to know about how the entries were read."""
    notes = [f"Read as {', '.join(f'{form} ({n:,})' for form, n in summary.forms.items())}."]
    if summary.by_task:
        notes.append(
            f"Grouped by task, since nothing names a group: {count(summary.by_task, 'attempt')}. "
            "If a field does, name it with --group-by."
        )
    unscored = sum(library.unscored for library in summary.libraries.values())
    if unscored:
        notes.append(
            f"Unscored, without a reward: {count(unscored, 'attempt')}. If a field holds one, name "
            "it with --reward-field."
        )
    if summary.left_out:
        left_out = ", ".join(summary.left_out)
        notes.append(f"Not stored, because it repeats the messages: {left_out}.")
    return notes


def _rows(of: LibraryImportSummary) -> list[tuple[str, str]]:
    read = [f"{of.new:,} new", f"{of.known:,} known"]
    if of.scored:
        read.append(f"{of.scored:,} scored late")
    if of.secrets_removed:
        read.append(f"{count(of.secrets_removed, 'secret')} removed")
    if of.lowest_reward is not None and of.highest_reward is not None:
        read.append(f"rewards {of.lowest_reward:g} to {of.highest_reward:g}")
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
