"""`learn`: learn from the waiting groups now, with the configured model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from experience_store.store import GroupCounts, GroupInfo, Store, UpdateRecord, Usage
from experience_store.version import Version
from server import APP
from server.app import App, open_app
from server.cli.learning_progress import Progress, ProgressLine
from server.cli.open_database import check_exists
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import (
    ENVIRONMENT,
    database_option,
    json_option,
    library_argument,
    model_options,
    option,
    shared,
)
from server.cli.output import count, print_json, render_change, title, wrapped
from server.learning.models import ModelUnavailableError
from server.rendering import version_changes
from server.settings import ModelSettings, Settings
from server.text import HOW_TO_FIT, NONE_FIT

AT_ONCE = 8  # libraries
MAX_NAMED = 5  # groups
NO_MODEL = (
    "no model is configured. Name one with --model NAME (or EXPERIENCE_MCP_MODEL), its endpoint "
    "with --base-url URL unless it is OpenAI's, and set its key in OPENAI_API_KEY. Without one, "
    "ask a connected agent to call update_experiences, and its own model learns."
)


@click.command(cls=SectionedCommand)
@library_argument()
@database_option
@shared(
    "--all",
    "everywhere",
    envvar=f"{ENVIRONMENT}LEARN_ALL",
    is_flag=True,
    help="Learn in every library.",
)
@option(
    "--retry-set-aside",
    is_flag=True,
    help="Retry groups that were set aside after repeated failures.",
)
@section("Model", model_options())
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
    """Learn now from all waiting groups, with the configured model.

    Each answer is stored as it arrives: after an interruption or an outage, run it again. A group
    on whose prompt the model fails again and again is set aside, with the reason. Without a
    model, --retry-set-aside returns the groups to the queue for the hosts.

    The exit code is 0 if all that waited was learned from, and 1 if groups were set aside or the
    model cannot be used.
    """
    if model is None and not retry_set_aside:
        raise click.ClickException(NO_MODEL)
    check_exists(database)
    settings = Settings(database, library, model=model)
    try:
        summaries = asyncio.run(_learn(settings, everywhere=everywhere, retry=retry_set_aside))
    except KeyboardInterrupt:
        click.echo("\nStopped. All answers so far are stored; run it again to continue.", err=True)
        raise
    except ModelUnavailableError as error:
        raise click.ClickException(
            f"{str(error).rstrip('.')}. Nothing is lost: all answers so far are stored, and "
            f"`{APP} learn` continues from there."
        ) from error
    if as_json:
        print_json({"libraries": [to_json(summary) for summary in summaries]})
    else:
        for summary in summaries:
            print_summary(summary)
    if any(summary.failed for summary in summaries):
        raise click.exceptions.Exit(1)


async def _learn(settings: Settings, *, everywhere: bool, retry: bool) -> list[LearningSummary]:
    async with open_app(settings, background=False) as app:
        libraries = app.store.libraries
        names = [lib.name for lib in await libraries.all()] if everywhere else [settings.library]
        turns = asyncio.Semaphore(AT_ONCE)
        tasks = [
            asyncio.create_task(_learn_one(app, name, turns, retry=retry, alone=not everywhere))
            for name in names
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _learn_one(
    app: App, library: str, turns: asyncio.Semaphore, *, retry: bool, alone: bool
) -> LearningSummary:
    """Learn in one library; without a model, only retry what was set aside."""
    async with turns:
        return await _learn_now(app, library, retry=retry, alone=alone)


async def _learn_now(app: App, library: str, *, retry: bool, alone: bool) -> LearningSummary:
    groups = app.store.groups
    if retry:
        await groups.retry_set_aside(library)
    updates: list[UpdateRecord] = []
    if app.worker is not None:
        progress = Progress((await groups.counts(library)).pending)
        with ProgressLine(library, progress) as line:
            updates = await app.worker.learn(library, line.report, alone=alone)
    tried = {group.group.id for update in updates for group in update.groups}
    set_aside = await groups.set_aside(library, len(tried)) if tried else ()
    return LearningSummary(
        library=library,
        updates=tuple(updates),
        versions=await _versions(app.store, library, updates),
        set_aside=tuple(group for group in set_aside if group.id in tried),
        counts=await groups.counts(library),
        elsewhere=len(await app.store.updates.open(library)),
    )


async def _versions(
    store: Store, library: str, updates: Sequence[UpdateRecord]
) -> tuple[Version, ...]:
    numbers = [u.version for u in updates if u.version is not None]
    return tuple([await store.libraries.version(library, number) for number in numbers])


@dataclass(frozen=True, slots=True)
class LearningSummary:
    """The results of learning in one library.

    Attributes:
        updates: The updates that ran.
        versions: The versions that they published.
        set_aside: The groups that were set aside.
        counts: The groups of the library afterwards.
        elsewhere: Number of updates open with a host or another process.
    """

    library: str
    updates: tuple[UpdateRecord, ...]
    versions: tuple[Version, ...]
    set_aside: tuple[GroupInfo, ...]
    counts: GroupCounts
    elsewhere: int

    @property
    def usage(self) -> Usage:
        """The total usage; for an update that was taken over, all of it."""
        total = Usage()
        for update in self.updates:
            total = _sum(total, update.usage)
        return total

    @property
    def failed(self) -> bool:
        """Whether something that waited was not learned from."""
        return bool(self.set_aside)


def print_summary(summary: LearningSummary) -> None:
    """Print what was learned, what it cost and what is left."""
    click.echo(title(summary.library))
    if not summary.updates:
        click.echo(wrapped(_nothing_learned(summary), first="  "))
        return
    versions = {version.number: version for version in summary.versions}
    for update in summary.updates:
        _print_update(update, versions.get(update.version or 0))
    click.echo(wrapped(_costs(summary.usage), first="  "))
    for note in _notes(summary):
        click.echo(wrapped(note, first="  "))


def _print_update(update: UpdateRecord, version: Version | None) -> None:
    if version is None:
        groups = count(len(update.groups), "group")
        reason = str(update.reason).rstrip(".")
        click.echo(wrapped(f"No new version from {groups}: {reason}.", first="  "))
        return
    click.echo(wrapped(f"Version {version.number}, {version.note}:", first="  "))
    for change in version_changes(version):
        click.echo(render_change(change, "    "))


def _nothing_learned(summary: LearningSummary) -> str:
    counts = summary.counts
    if counts.pending:
        waiting = count(counts.pending, "group")
        return f"Waiting: {waiting}. Ask a connected agent to call update_experiences."
    if counts.none_fit:
        return f"{NONE_FIT} {HOW_TO_FIT}"
    nothing = (
        f"No groups are waiting: {count(counts.groups, 'group')}, {counts.signal:,} with signal, "
        f"{counts.learned:,} learned from."
    )
    return " ".join([nothing, *_notes(summary)])


def _notes(summary: LearningSummary) -> list[str]:
    notes = [f"Set aside: group {g.id}: {g.failure}" for g in summary.set_aside[:MAX_NAMED]]
    if summary.counts.set_aside:
        notes.append(
            f"{count(summary.counts.set_aside, 'group')} set aside after failures: "
            "--retry-set-aside tries again, and so does another model."
        )
    if summary.elsewhere:
        notes.append(
            f"{count(summary.elsewhere, 'update')} open with a host or another process; an update "
            "that a host abandons for an hour is taken over."
        )
    return notes


def _costs(usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = f", cost {usage.cost:.4f}" if usage.cost is not None else ""
    return (
        f"{count(usage.calls, 'call')}, {usage.prompt_tokens:,} prompt tokens{cached}, "
        f"{usage.completion_tokens:,} completion tokens{cost}"
    )


def to_json(summary: LearningSummary) -> dict[str, object]:
    """The results as JSON."""
    return {
        "library": summary.library,
        "updates": [
            {
                "update_id": update.id,
                "status": update.status,
                "groups": len(update.groups),
                "version": update.version,
                "reason": update.reason,
            }
            for update in summary.updates
        ],
        "changes": [
            {"version": v.number, "sign": change.sign, "text": change.text}
            for v in summary.versions
            for change in version_changes(v)
        ],
        "usage": asdict(summary.usage),
        "waiting": summary.counts.waiting,
        "set_aside": summary.counts.set_aside,
        "set_aside_now": [{"group_id": g.id, "reason": g.failure} for g in summary.set_aside],
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
