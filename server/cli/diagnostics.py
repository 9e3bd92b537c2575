"""The checks of `doctor`, one function each."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from experience_store.errors import AnswerRefusedError, ExperienceError, StorageError
from experience_store.learning.prompts import Aim, Request, Summarise
from experience_store.sqlite.schema import IntegrityReport, check_integrity
from experience_store.store import GroupCounts, GroupInfo, Trouble
from experience_store.trajectory import Group, Message, Trajectory
from server import APP
from server.cli.hosts.launch import HOST_VARIABLES, database_of_host, program
from server.cli.open_database import existing
from server.cli.options import ENVIRONMENT, KEY_MISSING, KEY_NAMES, NO_KEY, api_key
from server.settings import ModelSettings, default_database
from server.text import HOW_TO_FIT, NONE_FIT, clipped, count, standstill

Status: TypeAlias = Literal["ok", "note", "broken"]

LOW_DISK = 200_000_000
MAX_LIBRARIES = 10
MAX_SET_ASIDE = 3  # groups that are named
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `remedy` says how to fix it."""

    status: Status
    subject: str
    text: str
    remedy: str | None = None


def check_release(release: str) -> Iterator[Finding]:
    """The versions in use."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    text = f"{APP} {release}, Python {python}, SQLite {sqlite3.sqlite_version}"
    yield Finding("ok", "version", text)


def check_database(database: Path) -> Iterator[Finding]:
    """Whether the database file exists, is writable and is intact."""
    try:
        yield from _database(database)
    except OSError as error:  # such as a folder that may not be entered
        text = f"{error.filename or database}: {error.strerror or error}"
        remedy = "Give this user access to it, or name another file with --database."
        yield Finding("broken", "database", text, remedy)


def _database(database: Path) -> Iterator[Finding]:
    if database.is_dir():
        yield Finding(
            "broken", "database", f"{database} is a folder", "Name a file with --database."
        )
        return
    if not database.exists():
        yield _parent_folder(database)
        return
    yield from _permissions(database)
    try:
        yield _integrity(database, check_integrity(database))
    except StorageError as error:
        yield Finding(
            "broken",
            "database",
            str(error),
            f"If it is not a database of {APP}, move it away or name another one with --database.",
        )
    yield from _disk(database)


def _parent_folder(database: Path) -> Finding:
    folder = next(parent for parent in database.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK):
        remedy = f"Make {folder} writable, or name another file with --database."
        return Finding(
            "broken", "database", f"{database} cannot be created: {folder} is not writable", remedy
        )
    return Finding("ok", "database", f"{database} will be created at first use")


def _permissions(database: Path) -> Iterator[Finding]:
    for place in (database, database.absolute().parent):
        if not os.access(place, os.R_OK | os.W_OK):
            remedy = f"Take ownership of it: chown $USER '{place}'; chmod u+rw '{place}'"
            yield Finding("broken", "database", f"{place} is not readable and writable", remedy)
    mode = database.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = "other users of this machine may read it, including all attempts"
        yield Finding("note", "database", text, f"chmod 600 '{database}'")


def _integrity(database: Path, found: IntegrityReport) -> Finding:
    size = sum(file.stat().st_size for file in _files(database))
    text = f"{database}, {size / MEGA:.1f} MB, schema {found.schema}"
    if found.damage:
        remedy = (
            "Stop all servers, keep a copy, and restore a backup or try "
            f"`sqlite3 '{database}' .recover | sqlite3 new.db`."
        )
        return Finding("broken", "database", f"{text}: {'; '.join(found.damage)}", remedy)
    if found.schema > found.known_schema:
        remedy = f"Upgrade {APP}, or name another file with --database."
        newer = f"{text} is newer than this release ({found.known_schema})"
        return Finding("broken", "database", newer, remedy)
    if found.schema < found.known_schema:
        older = f"{text}, intact; migrated to schema {found.known_schema} at first use"
        return Finding("ok", "database", older)
    return Finding("ok", "database", f"{text}, intact")


def _files(database: Path) -> list[Path]:
    files = [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))]
    return [file for file in files if file.exists()]


def _disk(database: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(database.absolute().parent).free
    text = f"{free / MEGA:,.0f} MB free for the database"
    if free < LOW_DISK:
        yield Finding("broken", "disk", text, "Free some space, or move the database.")
    else:
        yield Finding("ok", "disk", text)


@dataclass(frozen=True, slots=True)
class LibraryHealth:
    """A library, and its groups that were set aside last."""

    name: str
    size: int
    counts: GroupCounts
    set_aside: tuple[GroupInfo, ...]


def check_libraries(database: Path, model: ModelSettings | None) -> Iterator[Finding]:
    """The libraries, what is waiting or set aside in them, and what holds up learning."""
    try:
        found, troubles = asyncio.run(_libraries(database))
    except ExperienceError as error:
        yield Finding("broken", "libraries", str(error))
        return
    for trouble in troubles:
        remedy = "It is retried; --check-model tries the endpoint with the settings given here."
        yield Finding("broken", "learning", standstill(trouble), remedy)
    if not found:
        text = "there are none yet"
        yield Finding("ok", "libraries", text, "The first submitted attempts create one.")
    for place, library in enumerate(found):
        if place < MAX_LIBRARIES or library.counts.set_aside or library.counts.none_fit:
            yield from _library(library, has_model=model is not None)
    if len(found) > MAX_LIBRARIES:
        yield Finding("ok", "library", f"{len(found)} in total: `{APP} libraries` lists them")


async def _libraries(database: Path) -> tuple[list[LibraryHealth], tuple[Trouble, ...]]:
    async with existing(database) as store:
        groups = store.groups
        found = [
            LibraryHealth(
                library.name,
                library.size,
                await groups.counts(library.name),
                await groups.set_aside(library.name, MAX_SET_ASIDE),
            )
            for library in await store.libraries.all()
        ]
        return found, await store.workers.troubles()


def _library(library: LibraryHealth, *, has_model: bool) -> Iterator[Finding]:
    name, counts = library.name, library.counts
    contents = f"{count(library.size, 'experience')}, {count(counts.groups, 'group')}"
    if counts.learning:
        contents += f", {counts.learning:,} being learned from"
    if counts.pending:
        how = f"{APP} learn {name}" if has_model else "ask an agent to call update_experiences"
        text = f"{name}: {contents}, {counts.pending:,} waiting to be learned from"
        yield Finding("ok", "library", text, f"To learn now: {how}")
    else:
        yield Finding("ok", "library", f"{name}: {contents}, none waiting")
    if counts.set_aside:
        text = f"{name}: {count(counts.set_aside, 'group')} set aside after failures: "
        text += "; ".join(f"{g.id}: {clipped(str(g.failure), 200)}" for g in library.set_aside)
        remedy = f"To retry: {APP} learn {name} --retry-set-aside, or with another model"
        yield Finding("note", "library", text, remedy)
    if counts.none_fit:
        yield Finding("note", "library", f"{name}: {NONE_FIT}", HOW_TO_FIT)


def check_model_settings(model: ModelSettings | None) -> Iterator[Finding]:
    """Whether a model is configured for background learning."""
    if model is None:
        text = "none is configured: the hosts' own models learn, which needs no key"
        if api_key():
            text = "an API key is set but no model is named, so none is used and nothing is billed"
        yield Finding("ok", "model", text, "To learn in the background: --model NAME")
    elif not model.api_key:
        yield Finding("broken", "model", KEY_MISSING.format(model.name))
    else:
        where = model.base_url or "OpenAI"
        key = "without a key" if model.api_key == NO_KEY else "with a key"
        yield Finding("ok", "model", f"{model.name} at {where}, {key}")


def ask_model(model: ModelSettings | None) -> Iterator[Finding]:
    """Send a short question to the model."""
    from server.learning.models import ModelRefusedError, ModelUnavailableError  # noqa: PLC0415  # only needed here

    if model is None or not model.api_key:
        yield Finding("broken", "model call", "no model is configured", "Name one: --model NAME")
        return
    begun = time.monotonic()
    try:
        said = asyncio.run(_ask(replace(model, retries=min(model.retries, 1))))
    except AnswerRefusedError as error:
        text = f"it answers, but not in the required form: {error}"
        remedy = "Learning retries such questions once; a larger model may do better."
        yield Finding("note", "model call", text, remedy)
    except (ModelUnavailableError, ModelRefusedError) as error:
        yield Finding("broken", "model call", str(error), "Check --model, --base-url and the key.")
    else:
        yield Finding("ok", "model call", f"{said} in {time.monotonic() - begun:.1f} s")


async def _ask(settings: ModelSettings) -> str:
    from server.learning.models.endpoint import Endpoint  # noqa: PLC0415  # importing openai takes a second

    request = _small_question()
    endpoint = Endpoint(settings)
    try:
        reply = await endpoint.ask(request)
    finally:
        await endpoint.close()
    request.question.read(reply.text)
    usage = reply.usage
    return f"answered, {usage.prompt_tokens} + {usage.completion_tokens} tokens"


def _small_question() -> Request:
    attempt = Trajectory("attempt", (Message("assistant", "Hello!"),))
    question = Summarise(
        aim=Aim(None, None, 32, 1),
        group=Group("check", "Say hello.", (attempt,)),
        trajectory=attempt,
        served=(),
        rewarded=False,
        max_tokens=1_000,
    )
    return Request("check", question)


def check_environment(database: Path) -> Iterator[Finding]:
    """What a server started by a host sees, and whether it uses the same database."""
    missing = [name for name in ("HOME", "PATH") if os.name == "posix" and not os.environ.get(name)]
    if missing:
        yield Finding("broken", "environment", f"not set: {', '.join(missing)}", "Set it.")
    ours = [n for n in os.environ if n.startswith(ENVIRONMENT) or n in KEY_NAMES]
    if ours:
        text = (
            f"set here: {', '.join(sorted(ours))}; most hosts pass on only "
            f"{', '.join(HOST_VARIABLES)}"
        )
        yield Finding("note", "environment", text, "Put them into the host's entry (see below).")
    if database == default_database() and database != database_of_host():
        text = f"a host that does not pass on XDG_DATA_HOME would use {database_of_host()}"
        remedy = "Set --database in the host's entry (see below)."
        yield Finding("note", "environment", text, remedy)


def check_program() -> Iterator[Finding]:
    """Whether hosts can start the program."""
    command = " ".join(program())
    if "archive-v" in command:
        text = f"{command} is in a cache that may be cleared"
        yield Finding("note", "program", text, f"Install it: uv tool install {APP}")
    elif shutil.which(APP):
        yield Finding("ok", "program", f"{command}, on PATH")
    else:
        text = f"{APP} is not on PATH"
        yield Finding("note", "program", text, f"Hosts need the absolute path: {command}")


def check_tokens(database: Path) -> Iterator[Finding]:
    """The access tokens for HTTP, if there are any."""
    try:
        found = asyncio.run(_tokens(database))
    except ExperienceError:
        return  # reported by the check of the libraries
    if not found:
        return
    now = datetime.now(UTC)
    expired = sum(ends is not None and ends <= now for _, ends in found)
    unlimited = sum(libraries is None for libraries, _ in found)
    text = (
        f"{count(len(found), 'token')} for HTTP, {unlimited} for all libraries, {expired} expired"
    )
    remedy = f"Revoke expired tokens: `{APP} token list`, `token revoke`." if expired else None
    yield Finding("note" if expired else "ok", "sign-in", text, remedy)


async def _tokens(database: Path) -> list[tuple[frozenset[str] | None, datetime | None]]:
    async with existing(database) as store:
        return [(token.libraries, token.expires_at) for token in await store.tokens.all()]
