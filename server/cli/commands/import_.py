"""`import`: import a library from a file."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from experience_store.archive import read_archive
from experience_store.errors import BadInputError, ConflictError, LibraryNotFoundError
from experience_store.library import Experience, Library, Policy, State, check_library_name, wording
from experience_store.operations import Add, Proposed, Refusal, apply, problem_with_text
from experience_store.store import Store
from server import APP
from server.cli.open_database import opened
from server.cli.options import (
    AUTHOR,
    ENVIRONMENT,
    database_option,
    json_option,
    library_argument,
    option,
)
from server.cli.output import clipped, count, experience_list, print_json, wrapped
from server.importing.lesson_files import read_lessons, read_text
from server.importing.lessons import Lessons, Skipped

STDIO = "-"
MAX_SHOWN = 20  # of what was skipped
_ARCHIVE = re.compile(r'\s*\{\s*"format(?:_version)?"\s*:')  # which `export` writes first


@dataclass(frozen=True, slots=True)
class _Imported:
    """What an import did, or would do.

    Attributes:
        new: The experiences that it adds.
        notes: What else there is to say about it.
        refused: Experiences that the content policy or the library's policy does not allow.
        skipped: What the file has that is no lesson.
    """

    library: str
    version: int
    size: int
    new: tuple[Experience, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@click.command("import", epilog="Exit code 1 if an experience was refused.")
@library_argument(
    before_required=True,
    default=None,
    show_default=False,
    envvar=f"{ENVIRONMENT}IMPORT_LIBRARY",
    help="Name for the library; same as LIBRARY.  [default: the name in the file]",
)
@click.argument("file", metavar="FILE")
@database_option
@option("--dry-run", is_flag=True, help="Show what would be imported, and change nothing.")
@json_option
def import_(
    *, file: str, library: str | None, database: Path, dry_run: bool, as_json: bool
) -> None:
    """Import a library, or experiences written elsewhere, from a file.

    FILE is a file written by `export`, or `-` for stdin: JSON creates a new library with its whole
    history. Experiences written elsewhere are added to a library, as one version; those that it
    already has are skipped, and those that its policy does not allow are refused. They may be

    \b
    - a list in Markdown or text, as `export --format markdown` writes it
    - lines of an ACE playbook: [sai-00001] helpful=5 harmful=1 :: text
    - JSON, JSON lines or YAML: {"G0": "text"}, or a list of texts or of objects with text and name
    - a table (CSV, TSV) or Parquet with a column text, and perhaps name

    Headings become part of the names. What is not kept is listed.
    """  # noqa: D301  # click's mark for lines that are not wrapped
    text = _read(file)
    if _is_archive(text):
        done = asyncio.run(_import_archive(text, library, database, dry_run=dry_run))
    else:
        done = _import_lessons(_read_lessons(file, text), file, library, database, dry_run=dry_run)
    if as_json:
        print_json(_as_json(done, dry_run=dry_run))
    else:
        _print(done, dry_run=dry_run)
    if done.refused:
        raise click.exceptions.Exit(1)


def _read(file: str) -> str:
    data = sys.stdin.buffer.read() if file == STDIO else Path(file).read_bytes()
    try:
        return read_text(data)
    except BadInputError as error:
        raise BadInputError(f"{file} {error}") from error


def _is_archive(text: str) -> bool:
    """Whether this is a library as `export` writes it, or begins like one and is damaged."""
    if _ARCHIVE.match(text):
        return True
    if not text.lstrip().startswith("{"):
        return False
    try:
        return "format_version" in json.loads(text)
    except ValueError:
        return False


def _read_lessons(file: str, text: str) -> Lessons:
    try:
        return read_lessons(text, file)
    except BadInputError as error:
        raise BadInputError(f"{file} {error}") from error


async def _import_archive(
    text: str, library: str | None, database: Path, *, dry_run: bool
) -> _Imported:
    archive = read_archive(text)
    name = library or archive.library.name
    if dry_run:
        last = archive.versions[-1]
        return _Imported(name, last.number, last.size)
    async with opened(database) as store:
        try:
            await store.archives.import_library(archive, name)
        except ConflictError as error:
            raise ConflictError(f"{error}: import it under another name with --library") from error
        found, state = await store.libraries.get(name), await store.libraries.state(name)
        problems = tuple(_policy_problems(found, state))
        return _Imported(name, state.version, len(state.experiences), notes=problems)


def _policy_problems(library: Library, state: State) -> Iterator[str]:
    """The experiences that the library's own policy would refuse now."""
    for e in state.experiences:
        if problem := problem_with_text(e.name, e.text, library.policy):
            yield f"{e.id} would be refused today: {problem}"


def _import_lessons(
    lessons: Lessons, file: str, library: str | None, database: Path, *, dry_run: bool
) -> _Imported:
    name = library or lessons.library
    if name is None:
        raise BadInputError("the file names no library: name one with --library")
    check_library_name(name)
    if dry_run and not database.exists():
        return _outcome(name, State(name, 0, ()), Policy(), lessons)
    return asyncio.run(_add_lessons(lessons, name, file, database, dry_run=dry_run))


async def _add_lessons(
    lessons: Lessons, name: str, file: str, database: Path, *, dry_run: bool
) -> _Imported:
    async with opened(database) as store:
        known, state = await _current(store, name)
        outcome = _outcome(name, state, known.policy if known else Policy(), lessons)
        if dry_run:
            return outcome
        if known is None:
            await store.libraries.describe(
                name,
                agent_objective=lessons.agent_objective,
                learning_objective=lessons.learning_objective,
                policy=Policy(),
            )
        if outcome.new:
            added = [Add(e.name, e.text) for e in outcome.new]
            note = f"imported from {Path(file).name}"
            await store.libraries.edit(name, added, author=AUTHOR, note=note)
        after = await store.libraries.state(name)
        return replace(outcome, version=after.version, size=len(after.experiences))


async def _current(store: Store, name: str) -> tuple[Library | None, State]:
    """The library and its state; None and an empty state if it does not exist."""
    try:
        return await store.libraries.get(name), await store.libraries.state(name)
    except LibraryNotFoundError:
        return None, State(name, 0, ())


def _outcome(name: str, state: State, policy: Policy, lessons: Lessons) -> _Imported:
    """What the lessons make of a library.

    Raises:
        BadInputError: If all of them are refused.
    """
    new: dict[str, Add] = {}
    for addition in lessons.additions:
        key = wording(addition.text)
        if key not in state.wordings:
            new.setdefault(key, addition)
    application = apply(state, [Proposed(a) for a in new.values()], policy)
    known = len(lessons.additions) - len(new)
    if not known and not application.changed:
        reasons = "; ".join(_reason(refusal) for refusal in application.refused)
        raise BadInputError(f"nothing was imported: {reasons}")
    notes = (
        [f"Skipped {count(known, 'experience')} that it already has, or the file twice."]
        if known
        else []
    )
    return _Imported(
        name,
        state.version + application.changed,
        len(application.state.experiences),
        new=tuple(a.experience for a in application.applied if a.experience is not None),
        notes=(*notes, *_not_kept(lessons)),
        skipped=lessons.skipped,
        refused=application.refused,
    )


def _not_kept(lessons: Lessons) -> Iterator[str]:
    """What the file has beside its lessons, and what they have beside name and text."""
    if lessons.left_out:
        fields = ", ".join(f"{name} ({times:,})" for name, times in lessons.left_out)
        yield f"Not kept, as an experience has only a name and a text: {fields}."
    if lessons.skipped:
        shown = "; ".join(
            f"{s.place}: {clipped(s.text, 60)!r}" for s in lessons.skipped[:MAX_SHOWN]
        )
        more = len(lessons.skipped) - MAX_SHOWN
        yield f"Skipped what is no lesson: {shown}" + (f"; and {more} more" if more > 0 else "")


def _reason(refusal: Refusal) -> str:
    text = refusal.operation.text if isinstance(refusal.operation, Add) else ""
    return f"{clipped(text, 60)!r}: {refusal.reason}"


def _as_json(done: _Imported, *, dry_run: bool) -> dict[str, object]:
    return {
        "library": done.library,
        "version": done.version,
        "new": {e.id: e.line() for e in done.new},
        "refused": [
            {"name": r.operation.name, "text": r.operation.text, "reason": r.reason}
            for r in done.refused
            if isinstance(r.operation, Add)
        ],
        "skipped": [asdict(skipped) for skipped in done.skipped],
        "notes": list(done.notes),
        "dry_run": dry_run,
    }


def _print(done: _Imported, *, dry_run: bool) -> None:
    verb = "would be" if dry_run else "is now"
    size = count(done.size, "experience")
    if dry_run and done.new:
        click.echo(experience_list(done.new))
    click.echo(f"{done.library} {verb} at version {done.version}, with {size}.")
    for refusal in done.refused:
        click.echo(wrapped(f"Refused: {_reason(refusal)}", indent="  "), err=True)
    if any(" words; at most" in refusal.reason for refusal in done.refused):
        limit = f"`{APP} describe {done.library} --max-words N`"
        click.echo(wrapped(f"Shorten what is too long, or raise the limit: {limit}"), err=True)
    for note in done.notes:
        click.echo(wrapped(note, indent="  "), err=True)
    if dry_run:
        click.echo("This was a dry run: nothing was imported.")
