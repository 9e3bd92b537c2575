"""`serve`: run the MCP server on stdin and stdout, as hosts start it, or over HTTP."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

import click

from server import APP
from server.cli import INTERRUPTED
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import (
    database_option,
    library_argument,
    max_tokens_option,
    model_options,
)
from server.cli.serving_options import Log, administration_option, http_options, log_options
from server.cli.stdin import StandardInput
from server.settings import HttpSettings, ModelSettings, Settings

if TYPE_CHECKING:
    from server.mcp.server import ExperienceServer


@click.command(cls=SectionedCommand)
@database_option
@library_argument(help="Library for callers that name none; same as LIBRARY.")
@max_tokens_option
@section("Background learning", model_options(thresholds=True))
@section("Tools and logs", administration_option, log_options)
@http_options
def serve(
    *,
    database: Path,
    library: str,
    max_tokens: int,
    model: ModelSettings | None,
    administration: bool,
    log: Log,
    http: HttpSettings | None,
) -> None:
    """Run the MCP server on stdin and stdout, or over HTTP.

    MCP hosts start it; `experience-mcp install HOST` writes their configuration and `experience-mcp
    doctor` prints it. End of file on stdin or SIGTERM shuts it down; a write in progress finishes.

    With --http, any number of clients share one server at http://HOST:PORT/mcp. SIGTERM or Ctrl-C
    shuts it down gracefully; in-flight requests finish.

    With --model, the server learns in the background. The API key of the model is read from
    OPENAI_API_KEY or EXPERIENCE_MCP_API_KEY. A key alone does not configure a model, so nothing is
    billed unexpectedly.
    """
    # with sign-in, the scopes of a token decide who gets the administration tools
    administration = administration or (http is not None and http.sign_in is not None)
    settings = Settings(database, library, max_tokens, model, administration)
    gc.disable()  # start-up creates no garbage, and this saves a tenth of its time
    try:
        _run(settings, http, log)
    finally:
        gc.enable()  # if start-up failed


def _run(settings: Settings, http: HttpSettings | None, log: Log) -> None:
    from server.mcp.build import build_server  # noqa: PLC0415  # the SDK is slow to import

    server = build_server(settings)
    if http is not None:
        _over_http(server, http, log)
        return
    _log(log.level or "warning", log.format or "text")
    if sys.stdin.isatty():
        click.echo(f"{APP} speaks MCP on stdin and stdout. Press Ctrl-C to stop.", err=True)
    if code := asyncio.run(_serve(server)):
        raise click.exceptions.Exit(code)


def _over_http(server: ExperienceServer, http: HttpSettings, log: Log) -> None:
    from server.http.running import serve_http  # noqa: PLC0415  # stdio does not need it
    from server.logs import hush_libraries  # noqa: PLC0415  # see above

    level = log.level or "info"
    _log(level, log.format or "json")
    hush_libraries(level)
    asyncio.run(serve_http(server, http, _collect_garbage))


def _log(level: str, form: str) -> None:
    """Log to stderr only: stdout belongs to the protocol."""
    from server.logs import log_to_stderr  # noqa: PLC0415  # other commands do not log

    log_to_stderr(level, as_json=form == "json")


def _collect_garbage() -> None:
    gc.enable()
    gc.freeze()


async def _serve(server: ExperienceServer) -> int:
    """Serve until end of file or a signal; return the exit code."""
    code = 0
    # opened here, since inside the SDK's task groups a database error becomes an exception group
    async with server.shared_app():
        _collect_garbage()
        if sys.platform == "win32":
            await server.run_stdio_async()
            return code
        loop = asyncio.get_running_loop()
        with StandardInput() as stdin:

            def end(exit_code: int) -> None:
                nonlocal code
                code = exit_code
                loop.remove_signal_handler(SIGINT)  # a second signal kills it
                loop.remove_signal_handler(SIGTERM)
                stdin.end()

            loop.add_signal_handler(SIGTERM, end, 0)
            loop.add_signal_handler(SIGINT, end, INTERRUPTED)
            await server.run_stdio_async()
    return code
