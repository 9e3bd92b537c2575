"""`export` and `import`: libraries into files and back."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experience_store.errors import BadInputError, ConflictError, LibraryNotFoundError
from experience_store.library import Library, Policy, State, check_library_name, wording
from experience_store.operations import Add, Proposed, apply, problem_with_text
from experience_store.store import Store
from experience_store.transfer import Archive, read_archive, write_archive
from server.cli import APP, AUTHOR
from server.cli.markdown import Sheet, read_markdown
from server.cli.opening import existing, opened
from server.cli.options import (
    ENVIRONMENT,
    database_option,
    json_option,
    library_argument,
    option,
    shared,
)
from server.cli.printing import count, print_json, wrapped

if TYPE_CHECKING:
    from server.skills.folder import Skill

STDIO = "-"
PRIVATE, PUBLIC = 0o600, 0o666


@click.command()
@library_argument
@click.argument("to", metavar="[TO]", required=False)
@database_option
@shared(
    "--format",
    "format_",
    envvar=f"{ENVIRONMENT}EXPORT_FORMAT",
    type=click.Choice(["json", "markdown", "skill"]),
    default="json",
    show_default=True,
    help="JSON holds everything; Markdown the current experiences, for people and prompts; a "
    "skill is a folder of them, for hosts that read Agent Skills from disk.",
)
@option("--output", "-o", metavar="PATH", help="Where to, instead of TO.  [default: stdout, -]")
@option("--force", is_flag=True, help="With skill: replace an export although it was edited.")
@option("--without-attempts", is_flag=True, help="Leave out messages of attempts and prompts.")
def export(
    *,
    library: str,
    to: str | None,
    database: Path,
    format_: str,
    output: str | None,
    force: bool,
    without_attempts: bool,
) -> None:
    """Write a library with its whole history to a file, or as an Agent Skill.

    With attempts in it the file is readable by its owner only. Without them the history stays
    complete, but elsewhere nothing more can be learned from the groups.

    With --format skill, TO is the folder where a host looks for skills, such as
    ~/.claude/skills; the skill always gets a folder of its own in it. A folder that is there is
    replaced only if it is an export of the same library.
    """
    output = output or to or STDIO
    if format_ == "skill":
        _export_skill(library, database, output, force=force)
        return
    if format_ == "markdown":
        text = asyncio.run(_markdown(database, library))
        private = False
    else:
        archive = asyncio.run(_export(database, library, attempts=not without_attempts))
        text = write_archive(archive)
        private = not without_attempts
    if output == STDIO:
        click.echo(text, nl=False)
    else:
        _write(Path(output), text, private=private)
        click.echo(f"{library} is in {output} ({len(text.encode()):,} bytes).", err=True)


def _export_skill(library: str, database: Path, output: str, *, force: bool) -> None:
    from server.skills.export import write_folder  # noqa: PLC0415  # of no use to the others

    if output == STDIO:
        raise BadInputError(
            f"a skill is a folder: say where to, as in `{APP} export {library} --format skill "
            "~/.claude/skills`"
        )
    skill = asyncio.run(_skill(database, library))
    folder = write_folder(skill, Path(output), force=force)
    files = count(len(skill.files), "file")
    click.echo(f"{library} is the skill {skill.name}, in {folder} ({files}).", err=True)


async def _skill(database: Path, library: str) -> Skill:
    from server.skills.folder import skill_of  # noqa: PLC0415  # likewise

    async with existing(database) as store:
        found = await store.libraries.get(library)
        if not found.size:
            raise BadInputError(f"library {library!r} has no experiences that a skill could hold")
        return skill_of(found, await store.libraries.state(library, found.head))


async def _markdown(database: Path, library: str) -> str:
    from server.resources import library_markdown  # noqa: PLC0415  # brings the slow MCP SDK

    async with existing(database) as store:
        found = await store.libraries.get(library)
        return library_markdown(found, await store.libraries.state(library))


async def _export(database: Path, library: str, *, attempts: bool) -> Archive:
    async with existing(database) as store:
        return await store.transfers.export(library, attempts=attempts)


def _write(path: Path, text: str, *, private: bool) -> None:
    """Write a file in one step: there is the old one or the new one, never half of it."""
    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if not private:
            Path(name).chmod(PUBLIC & ~_umask())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


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
        notes = _objections(made)
    else:
        made, notes = asyncio.run(_import_sheet(read_markdown(text), file, library, database))
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
            await store.transfers.take_in(archive, name)
        except ConflictError as error:
            raise ConflictError(
                f"{error}: give the imported one another name with --library"
            ) from error
        return await store.libraries.get(name), await store.libraries.state(name)


def _objections(made: tuple[Library, State]) -> list[str]:
    """What an archive holds that its own policy would not let in now."""
    library, state = made
    return [
        f"{e.id} would be refused today: {problem}"
        for e in state.experiences
        if (problem := problem_with_text(e.name, e.text, library.policy))
    ]


async def _import_sheet(
    sheet: Sheet, file: str, library: str | None, database: Path
) -> tuple[tuple[Library, State], list[str]]:
    name = library or sheet.library
    if name is None:
        raise BadInputError("the Markdown names no library: give one with --library")
    check_library_name(name)
    async with opened(database) as store:
        known, state = await _standing(store, name)
        fresh = _fresh(sheet.additions, state, known.policy if known else Policy())
        if known is None:
            await store.libraries.describe(
                name,
                agent_objective=sheet.agent_objective,
                learning_objective=sheet.learning_objective,
                policy=Policy(),
            )
        if fresh:
            note = f"imported from {Path(file).name}"
            await store.libraries.edit(name, fresh, author=AUTHOR, note=note)
        left_out = len(sheet.additions) - len(fresh)
        notes = [f"{count(left_out, 'experience')} left out: there already"] if left_out else []
        made = await store.libraries.get(name), await store.libraries.state(name)
        return made, notes


async def _standing(store: Store, name: str) -> tuple[Library | None, State]:
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
