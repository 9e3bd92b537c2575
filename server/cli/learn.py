"""`learn`: run the updates that wait, now and with the configured model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import click

from experience_store.history import Version
from experience_store.store import GroupCounts, Store, UpdateRecord, Usage
from server.app import App, open_app
from server.cli import APP
from server.cli.changes import version_lines
from server.cli.opening import check_exists
from server.cli.options import (
    ENVIRONMENT,
    database_option,
    json_option,
    library_option,
    model_options,
    option,
    shared,
)
from server.cli.printing import count, print_json, title, wrapped
from server.models import ModelUnavailableError
from server.settings import ModelSettings, Settings
from server.worker import Progress

NO_MODEL = (
    "no model is configured. Name one with --model NAME (or EXPERIENCE_MCP_MODEL), another "
    "endpoint than OpenAI's with --base-url URL, and put its key into OPENAI_API_KEY. Or do "
    "without: ask an agent that is connected to call update_experiences, its own model learns then."
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of learning in one library."""

    library: str
    updates: tuple[UpdateRecord, ...]
    versions: tuple[Version, ...]
    counts: GroupCounts
    elsewhere: int

    @property
    def usage(self) -> Usage:
        """What it cost. Of an update that was taken over, all of it."""
        total = Usage()
        for update in self.updates:
            total = _sum(total, update.usage)
        return total

    @property
    def failed(self) -> bool:
        """Whether something could not be learned from."""
        return any(u.status == "failed" for u in self.updates)


@click.command()
@database_option
@library_option
@shared(
    "--all",
    "everywhere",
    envvar=f"{ENVIRONMENT}LEARN_ALL",
    is_flag=True,
    help="Learn in every library.",
)
@option("--retry-set-aside", is_flag=True, help="Also try groups again that failed too often.")
@model_options()
@json_option
def learn(
    *,
    database: Path,
    library: str,
    everywhere: bool,
    retry_set_aside: bool,
    model: ModelSettings | None,
    as_json: bool,
) -> None:
    """Learn now from all groups that wait, with the configured model.

    What is answered is stored at once: after an interruption or an outage just start anew. The
    key of the model is read from OPENAI_API_KEY or EXPERIENCE_MCP_API_KEY. Without a model,
    --retry-set-aside lets the groups wait for the hosts again.
    """
    if model is None and not retry_set_aside:
        raise click.ClickException(NO_MODEL)
    check_exists(database)
    settings = Settings(database, library, model=model)
    try:
        learned = asyncio.run(_learn(settings, everywhere=everywhere, retry=retry_set_aside))
    except KeyboardInterrupt:
        click.echo("\nStopped. What was answered is stored; learning goes on from there.", err=True)
        raise
    except ModelUnavailableError as error:
        raise click.ClickException(
            f"{str(error).rstrip('.')}. Nothing is lost: what was answered is stored, and "
            f"`{APP} learn` goes on from there."
        ) from error
    if as_json:
        print_json({"libraries": [_as_json(one) for one in learned]})
    else:
        for one in learned:
            _print(one)
    if any(one.failed for one in learned):
        raise click.exceptions.Exit(1)


async def _learn(settings: Settings, *, everywhere: bool, retry: bool) -> list[Learned]:
    async with open_app(settings, background=False) as app:
        libraries = app.store.libraries
        names = [lib.name for lib in await libraries.all()] if everywhere else [settings.library]
        return [await _learn_one(app, name, retry=retry) for name in names]


async def _learn_one(app: App, library: str, *, retry: bool) -> Learned:
    """Learn in one library; without a model only let what was set aside wait again."""
    if retry:
        await app.store.groups.retry_set_aside(library)
    updates: list[UpdateRecord] = []
    if app.worker is not None:
        with _Ticker(library) as ticker:
            updates = await app.worker.learn(library, ticker.report)
    return Learned(
        library=library,
        updates=tuple(updates),
        versions=await _versions(app.store, library, updates),
        counts=await app.store.groups.counts(library),
        elsewhere=len(await app.store.updates.open(library)),
    )


async def _versions(
    store: Store, library: str, updates: Sequence[UpdateRecord]
) -> tuple[Version, ...]:
    numbers = [u.version for u in updates if u.version is not None]
    return tuple([await store.libraries.version(library, number) for number in numbers])


class _Ticker:
    """A line on a terminal that tells how far an update is."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._watched = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def report(self, progress: Progress) -> None:
        """Show how far it is."""
        answered = count(progress.done, "answer")
        self._write(f"{self._library}: {answered}, {progress.open:,} under way …")

    def _write(self, text: str) -> None:
        if self._watched:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)


def _print(learned: Learned) -> None:
    click.echo(title(learned.library))
    if not learned.updates:
        click.echo(wrapped(_why_nothing(learned), first="  "))
        return
    versions = {version.number: version for version in learned.versions}
    for update in learned.updates:
        _print_update(update, versions.get(update.version or 0))
    click.echo(wrapped(_costs(learned.usage), first="  "))
    for note in _notes(learned):
        click.echo(wrapped(note, first="  "))


def _print_update(update: UpdateRecord, version: Version | None) -> None:
    if version is None:
        groups = count(len(update.groups), "group")
        reason = str(update.reason).rstrip(".")
        click.echo(wrapped(f"No new version from {groups}: {reason}.", first="  "))
        return
    click.echo(wrapped(f"Version {version.number}, {version.note}:", first="  "))
    for line in version_lines(version):
        click.echo(line.styled("    "))


def _why_nothing(learned: Learned) -> str:
    counts = learned.counts
    if counts.waiting:
        waiting = count(counts.waiting, "group")
        return f"Waiting: {waiting}. Ask an agent that is connected to call update_experiences."
    standing = (
        f"Nothing waits to be learned from: {count(counts.groups, 'group')}, "
        f"{counts.signal:,} with signal, {counts.learned:,} learned from."
    )
    return " ".join([standing, *_notes(learned)])


def _notes(learned: Learned) -> list[str]:
    notes: list[str] = []
    if learned.counts.set_aside:
        notes.append(
            f"{count(learned.counts.set_aside, 'group')} set aside after failures: "
            "--retry-set-aside tries again."
        )
    if learned.elsewhere:
        notes.append(
            f"{count(learned.elsewhere, 'update')} open in the hands of a host or another "
            "process; what a host leaves alone for an hour is taken over."
        )
    return notes


def _costs(usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = f", cost {usage.cost:.4f}" if usage.cost is not None else ""
    return (
        f"{count(usage.calls, 'call')}, {usage.prompt_tokens:,} prompt tokens{cached}, "
        f"{usage.completion_tokens:,} completion tokens{cost}"
    )


def _as_json(learned: Learned) -> dict[str, object]:
    return {
        "library": learned.library,
        "updates": [
            {
                "update_id": update.id,
                "status": update.status,
                "groups": len(update.groups),
                "version": update.version,
                "reason": update.reason,
            }
            for update in learned.updates
        ],
        "changes": [
            {"version": v.number, "sign": line.sign, "text": line.text}
            for v in learned.versions
            for line in version_lines(v)
        ],
        "usage": asdict(learned.usage),
        "waiting": learned.counts.waiting,
        "set_aside": learned.counts.set_aside,
    }


def _sum(one: Usage, two: Usage) -> Usage:
    costs = [u.cost for u in (one, two) if u.cost is not None]
    return replace(
        one,
        calls=one.calls + two.calls,
        prompt_tokens=one.prompt_tokens + two.prompt_tokens,
        cached_tokens=one.cached_tokens + two.cached_tokens,
        completion_tokens=one.completion_tokens + two.completion_tokens,
        cost=sum(costs) if costs else None,
    )
