"""`import`: import a library from a file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from experience_store.archive import read_archive
from experience_store.errors import BadInputError, ConflictError, LibraryNotFoundError
from experience_store.library import Library, Policy, State, check_library_name, wording
from experience_store.operations import Add, Proposed, apply, problem_with_text
from experience_store.store import Store
from server.cli.open_database import opened
from server.cli.options import AUTHOR, ENVIRONMENT, database_option, json_option, library_argument
from server.cli.output import count, print_json, wrapped
from server.importing.markdown import MarkdownLibrary, read_markdown

STDIO = "-"


@click.command("import")
@library_argument(
    before_required=True,
    default=None,
    show_default=False,
    envvar=f"{ENVIRONMENT}IMPORT_LIBRARY",
    help="Name for the library; same as LIBRARY.  [default: the name in the file]",
)
@click.argument("file", metavar="FILE")
@database_option
@json_option
def import_(*, file: str, library: str | None, database: Path, as_json: bool) -> None:
    """Import a library from a file.

    FILE is a file written by `export`, or `-` for stdin. JSON creates a new library with its whole
    history. Markdown adds its experiences to a library, as one version; those that the library
    already has are skipped.
    """
    text = _read(file)
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        imported = asyncio.run(_import_archive(text, library, database))
        notes = _policy_problems(imported)
    else:
        sheet = read_markdown(text)
        imported, notes = asyncio.run(_import_markdown(sheet, file, library, database))
    name, state = imported[0].name, imported[1]
    if as_json:
        print_json({"library": name, "version": state.version, "notes": notes})
        return
    size = count(len(state.experiences), "experience")
    click.echo(f"{name} is now at version {state.version}, with {size}.")
    for note in notes:
        click.echo(wrapped(note, indent="  "), err=True)


def _read(file: str) -> str:
    data = sys.stdin.buffer.read() if file == STDIO else Path(file).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError(f"{file} is not UTF-8 text") from error


async def _import_archive(text: str, library: str | None, database: Path) -> tuple[Library, State]:
    archive = read_archive(text)
    name = library or archive.library.name
    async with opened(database) as store:
        try:
            await store.archives.import_library(archive, name)
        except ConflictError as error:
            raise ConflictError(f"{error}: import it under another name with --library") from error
        return await store.libraries.get(name), await store.libraries.state(name)


def _policy_problems(imported: tuple[Library, State]) -> list[str]:
    """The experiences that the library's own policy would refuse now."""
    library, state = imported
    return [
        f"{e.id} would be refused today: {problem}"
        for e in state.experiences
        if (problem := problem_with_text(e.name, e.text, library.policy))
    ]


async def _import_markdown(
    markdown: MarkdownLibrary, file: str, library: str | None, database: Path
) -> tuple[tuple[Library, State], list[str]]:
    name = library or markdown.library
    if name is None:
        raise BadInputError("the Markdown names no library: name one with --library")
    check_library_name(name)
    async with opened(database) as store:
        known, state = await _current(store, name)
        new = _new(markdown.additions, state, known.policy if known else Policy())
        if known is None:
            await store.libraries.describe(
                name,
                agent_objective=markdown.agent_objective,
                learning_objective=markdown.learning_objective,
                policy=Policy(),
            )
        if new:
            note = f"imported from {Path(file).name}"
            await store.libraries.edit(name, new, author=AUTHOR, note=note)
        skipped = len(markdown.additions) - len(new)
        notes = [f"Skipped {count(skipped, 'experience')} that it already has."] if skipped else []
        imported = await store.libraries.get(name), await store.libraries.state(name)
        return imported, notes


async def _current(store: Store, name: str) -> tuple[Library | None, State]:
    """The library and its state; None and an empty state if it does not exist."""
    try:
        return await store.libraries.get(name), await store.libraries.state(name)
    except LibraryNotFoundError:
        return None, State(name, 0, ())


def _new(additions: Sequence[Add], state: State, policy: Policy) -> list[Add]:
    """The experiences that are new; raises BadInputError if the policy refuses one."""
    new: dict[str, Add] = {}
    for addition in additions:
        key = wording(addition.text)
        if key not in state.wordings:
            new.setdefault(key, addition)
    refused = apply(state, [Proposed(a) for a in new.values()], policy).refused
    if refused:
        reasons = "; ".join(
            f"{r.operation.text!r}: {r.reason}" for r in refused if isinstance(r.operation, Add)
        )
        raise BadInputError(f"nothing was imported: {reasons}")
    return list(new.values())
