"""`learn`: run the updates that wait, now and with the configured model."""

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
from server.cli.learning_summary import Learned, print_learned, to_json
from server.cli.options import (
    ENVIRONMENT,
    database_option,
    json_option,
    library_option,
    model_options,
    option,
    shared,
)
from server.cli.output import count, print_json
from server.learning.model_driver import Progress
from server.learning.models import ModelUnavailableError
from server.settings import ModelSettings, Settings

NO_MODEL = (
    "no model is configured. Name one with --model NAME (or EXPERIENCE_MCP_MODEL), another "
    "endpoint than OpenAI's with --base-url URL, and put its key into OPENAI_API_KEY. Or do "
    "without: ask an agent that is connected to call update_experiences, its own model learns then."
)


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
        print_json({"libraries": [to_json(one) for one in learned]})
    else:
        for one in learned:
            print_learned(one)
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
