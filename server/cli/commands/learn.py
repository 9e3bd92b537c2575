"""`learn`: learn from the waiting groups now, with the configured model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import click

from experience_store.store import Store, UpdateRecord
from experience_store.version import Version
from server import APP
from server.app import App, open_app
from server.cli.database import check_exists
from server.cli.learning_summary import LearningSummary, print_summary, to_json
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
from server.cli.output import count, print_json
from server.learning.model_driver import Progress
from server.learning.models import ModelUnavailableError
from server.settings import ModelSettings, Settings

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

    Each answer is stored as it arrives: after an interruption or an outage, run it again. The API
    key of the model is read from OPENAI_API_KEY or EXPERIENCE_MCP_API_KEY. Without a model,
    --retry-set-aside returns the groups to the queue for the hosts.
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
        return [await _learn_one(app, name, retry=retry) for name in names]


async def _learn_one(app: App, library: str, *, retry: bool) -> LearningSummary:
    """Learn in one library; without a model, only retry what was set aside."""
    if retry:
        await app.store.groups.retry_set_aside(library)
    updates: list[UpdateRecord] = []
    if app.worker is not None:
        with _ProgressLine(library) as progress:
            updates = await app.worker.learn(library, progress.report)
    return LearningSummary(
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


class _ProgressLine:
    """The progress of an update, as a line on a terminal that is overwritten."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def report(self, progress: Progress) -> None:
        """Show the progress."""
        answered = count(progress.done, "answer")
        self._write(f"{self._library}: {answered}, {progress.open:,} in flight …")

    def _write(self, text: str) -> None:
        if self._visible:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)
