"""`export`: write a library to a file or an Agent Skill."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experience_store.archive import Archive, write_archive
from experience_store.errors import BadInputError
from server import APP
from server.cli.files import check_replaceable
from server.cli.open_database import existing
from server.cli.options import ENVIRONMENT, database_option, library_argument, option, shared
from server.cli.output import count

if TYPE_CHECKING:
    from server.mcp.skills.folder import Skill

STDIO = "-"
PRIVATE, PUBLIC = 0o600, 0o666


@click.command()
@library_argument()
@click.argument("to", metavar="[TO]", required=False)
@database_option
@shared(
    "--format",
    "format_",
    envvar=f"{ENVIRONMENT}EXPORT_FORMAT",
    type=click.Choice(["json", "markdown", "skill"]),
    default="json",
    show_default=True,
    help="json: everything. markdown: the current experiences, for people and prompts. skill: a "
    "folder of them, for hosts that read Agent Skills from disk.",
)
@option(
    "--output",
    "-o",
    metavar="PATH",
    help="File or folder to write, instead of TO.  [default: -, stdout]",
)
@option(
    "--yes",
    "-y",
    "--force",
    "force",
    is_flag=True,
    help="Replace an existing file without asking; with --format skill, an edited export.",
)
@option(
    "--without-attempts", is_flag=True, help="Leave out the messages of attempts and the prompts."
)
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
    """Export a library with its history to a file, or as an Agent Skill.

    An existing file is replaced only after asking, or with --yes. A file with attempts is readable
    by its owner only. --without-attempts keeps the whole history, but nothing more can be learned
    from its groups after an import.

    With --format skill, TO is the folder where a host looks for skills, such as ~/.claude/skills.
    The skill gets a folder of its own there; an existing one is replaced only if it is an unedited
    export of the same library.
    """
    if "" in (output, to):
        raise click.UsageError("the name of the file is empty: give it, or - for stdout")
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
        _print_whole(text)
        return
    path = Path(output).expanduser()
    check_replaceable(path, database, agreed=force)
    _write(path, text, private=private)
    click.echo(f"Exported {library} to {path} ({len(text.encode()):,} bytes).", err=True)


def _export_skill(library: str, database: Path, output: str, *, force: bool) -> None:
    from server.mcp.skills.skill_export import write_folder  # noqa: PLC0415  # other formats do not need it

    if output == STDIO:
        raise BadInputError(
            "a skill is a folder and cannot be written to stdout: name its parent folder, as in "
            f"`{APP} export {library} ~/.claude/skills --format skill`"
        )
    skill = asyncio.run(_skill(database, library))
    folder = write_folder(skill, Path(output), force=force)
    files = count(len(skill.files), "file")
    click.echo(f"Exported {library} as the skill {skill.name} to {folder} ({files}).", err=True)


async def _skill(database: Path, library: str) -> Skill:
    from server.mcp.skills.folder import skill_of  # noqa: PLC0415  # see above

    async with existing(database) as store:
        found = await store.libraries.get(library)
        if not found.size:
            raise BadInputError(f"library {library!r} has no experiences to put into a skill")
        return skill_of(found, await store.libraries.state(library, found.head))


async def _markdown(database: Path, library: str) -> str:
    from server.mcp.resources import library_markdown  # noqa: PLC0415  # imports the MCP SDK, which is slow

    async with existing(database) as store:
        found = await store.libraries.get(library)
        return library_markdown(found, await store.libraries.state(library))


async def _export(database: Path, library: str, *, attempts: bool) -> Archive:
    async with existing(database) as store:
        return await store.archives.export(library, attempts=attempts)


def _print_whole(text: str) -> None:
    """Print a text, or raise OSError if only a part of it fits.

    With PYTHONUNBUFFERED, as in many containers, Python itself drops the rest of a partial write.
    """
    stdout = sys.stdout.buffer
    out = io.BufferedWriter(stdout) if isinstance(stdout, io.RawIOBase) else stdout
    out.write(text.encode())
    out.flush()


def _write(path: Path, text: str, *, private: bool) -> None:
    """Replace a file atomically; raises OSError, which names it."""
    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_text(text, encoding="utf-8")
        return
    try:
        _replace(path.resolve(), text, private=private)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, text: str, *, private: bool) -> None:
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
