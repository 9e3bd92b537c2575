"""`serve`: the MCP server on stdin and stdout, as hosts start it."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

import click

from server.cli import APP, INTERRUPTED
from server.cli.options import (
    database_option,
    library_option,
    max_tokens_option,
    model_options,
    shared,
)
from server.cli.standard_input import StandardInput
from server.settings import ModelSettings, Settings

if TYPE_CHECKING:
    from server.mcp_server import ExperienceServer

LEVELS = ("debug", "info", "warning", "error")


@click.command()
@database_option
@library_option
@max_tokens_option
@model_options(thresholds=True)
@shared(
    "--log-level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="warning",
    show_default=True,
    help="What is logged, to stderr.",
)
def serve(
    *, database: Path, library: str, max_tokens: int, model: ModelSettings | None, log_level: str
) -> None:
    """Run the MCP server on stdin and stdout.

    Hosts start it; `experience-mcp doctor` prints the entry for their configuration. It ends when
    stdin ends or at SIGTERM, after the write that is under way.

    With --model the server learns in the background. Its key is read from OPENAI_API_KEY or
    EXPERIENCE_MCP_API_KEY; a key alone configures no model, so nothing is billed by surprise.
    """
    gc.disable()  # nothing made on the way up is garbage: a tenth of the start-up time
    from server.mcp_server import build_server  # noqa: PLC0415  # the SDK is slow to import

    server = build_server(Settings(database, library, max_tokens, model))
    _log(log_level)
    if sys.stdin.isatty():
        click.echo(f"{APP} speaks MCP on stdin and stdout. Ctrl-C ends it.", err=True)
    if code := asyncio.run(_serve(server)):
        raise click.exceptions.Exit(code)


def _log(level: str) -> None:
    """Log to stderr and nowhere else: stdout belongs to the protocol."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )


async def _serve(server: ExperienceServer) -> int:
    """Serve until stdin ends or a signal ends it; the exit code."""
    code = 0
    # Opened here, because what is wrong with the database would be a tangle of task groups inside.
    async with server.shared_app():
        gc.enable()
        gc.freeze()
        if sys.platform == "win32":
            await server.run_stdio_async()
            return code
        loop = asyncio.get_running_loop()
        with StandardInput() as stdin:

            def end(exit_code: int) -> None:
                nonlocal code
                code = exit_code
                loop.remove_signal_handler(SIGINT)  # a second one is in earnest
                loop.remove_signal_handler(SIGTERM)
                stdin.end()

            loop.add_signal_handler(SIGTERM, end, 0)
            loop.add_signal_handler(SIGINT, end, INTERRUPTED)
            await server.run_stdio_async()
    return code
