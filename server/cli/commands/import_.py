"""`import`: a library from a file."""

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
from server.cli.database import opened
from server.cli.options import (
    AUTHOR,
    ENVIRONMENT,
    database_option,
    json_option,
    shared,
)
from server.cli.output import count, print_json, wrapped
from server.importing.markdown import MarkdownLibrary, read_markdown

STDIO = "-"


@click.command("import")
@click.argument("file", metavar="FILE")
@shared(
    "--library",
    "-l",
    metavar="NAME",
    envvar=f"{ENVIRONMENT}IMPORT_LIBRARY",
    help="Name to give it.  [default: the one in the file]",
)
@database_option
@json_option
def import_(*, file: str, library: str | None, database: Path, as_json: bool) -> None:
    """Read a library from a file.

    FILE is what `export` wrote, or `-` for stdin. JSON makes a new library with its whole
    history. Markdown adds its experiences to a library, as one version made by hand; those that it
    has already are left out.
    """
    text = _read(file)
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        made = asyncio.run(_import_archive(text, library, database))
        notes = _policy_problems(made)
    else:
        made, notes = asyncio.run(_import_markdown(read_markdown(text), file, library, database))
    if as_json:
        print_json({"library": made[0].name, "version": made[1].version, "notes": notes})
        return
    size = count(len(made[1].experiences), "experience")
    click.echo(f"{made[0].name} has version {made[1].version} now, with {size}.")
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
            raise ConflictError(
                f"{error}: give the imported one another name with --library"
            ) from error
        return await store.libraries.get(name), await store.libraries.state(name)


def _policy_problems(made: tuple[Library, State]) -> list[str]:
    """What an archive holds that its own policy would not let in now."""
    library, state = made
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
        raise BadInputError("the Markdown names no library: give one with --library")
    check_library_name(name)
    async with opened(database) as store:
        known, state = await _current(store, name)
        fresh = _fresh(markdown.additions, state, known.policy if known else Policy())
        if known is None:
            await store.libraries.describe(
                name,
                agent_objective=markdown.agent_objective,
                learning_objective=markdown.learning_objective,
                policy=Policy(),
            )
        if fresh:
            note = f"imported from {Path(file).name}"
            await store.libraries.edit(name, fresh, author=AUTHOR, note=note)
        left_out = len(markdown.additions) - len(fresh)
        notes = [f"{count(left_out, 'experience')} left out: there already"] if left_out else []
        made = await store.libraries.get(name), await store.libraries.state(name)
        return made, notes


async def _current(store: Store, name: str) -> tuple[Library | None, State]:
    """The library and what it holds; None and nothing if it does not exist yet."""
    try:
        return await store.libraries.get(name), await store.libraries.state(name)
    except LibraryNotFoundError:
        return None, State(name, 0, ())


def _fresh(additions: Sequence[Add], state: State, policy: Policy) -> list[Add]:
    """The experiences that are new, all of which the policy must allow."""
    fresh: dict[str, Add] = {}
    for addition in additions:
        key = wording(addition.text)
        if key not in state.wordings:
            fresh.setdefault(key, addition)
    refused = apply(state, [Proposed(a) for a in fresh.values()], policy).refused
    if refused:
        reasons = "; ".join(
            f"{r.operation.text!r}: {r.reason}" for r in refused if isinstance(r.operation, Add)
        )
        raise BadInputError(f"nothing was imported, because of {reasons}")
    return list(fresh.values())
