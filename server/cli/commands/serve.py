"""`serve`: run the MCP server on stdin and stdout, as hosts start it, or over HTTP."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import select
import sys
from pathlib import Path
from signal import SIGINT, SIGTERM
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click
from typing_extensions import Buffer

from experience_store.library import check_library_name
from server import APP
from server.cli import INTERRUPTED
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import database_option, library_argument, max_tokens_option, model_options
from server.cli.serving_options import Log, administration_option, http_options, log_options
from server.settings import MAX_LINE, HttpSettings, ModelSettings, Settings

if TYPE_CHECKING:
    from server.mcp.server import ExperienceServer


BUFFER = 1 << 16


@click.command(cls=SectionedCommand)
@database_option
@library_argument(help="Library for callers that name none; same as LIBRARY.")
@max_tokens_option("Token budget of get_experiences for callers that name none.")
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
    doctor` prints it. It shuts down at end of file on stdin or on SIGTERM; a write in progress
    finishes.

    With --http, any number of clients share one server at http://HOST:PORT/mcp. SIGTERM or Ctrl-C
    shuts it down gracefully; in-flight requests finish.

    With --model, the server learns in the background. An API key alone does not configure a model,
    so nothing is billed unexpectedly.
    """
    check_library_name(library)
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
    _log(log.level or "warning", log.format, unwatched="text")  # a host shows it to its user
    if sys.stdin.isatty():
        click.echo(f"{APP} speaks MCP on stdin and stdout. Press Ctrl-C to stop.", err=True)
    if code := asyncio.run(_serve(server)):
        raise click.exceptions.Exit(code)


def _over_http(server: ExperienceServer, http: HttpSettings, log: Log) -> None:
    from server.http.running import serve_http  # noqa: PLC0415  # stdio does not need it
    from server.logs import hush_libraries  # noqa: PLC0415  # see above

    level = log.level or "info"
    _log(level, log.format, unwatched="json")
    hush_libraries(level)
    asyncio.run(serve_http(server, http, _collect_garbage))


def _log(level: str, form: str, *, unwatched: str) -> None:
    """Log to stderr only: stdout belongs to the protocol.

    Args:
        level: The minimum level.
        form: The format, or auto.
        unwatched: What auto is if stderr is not a terminal.
    """
    from server.logs import log_to_stderr  # noqa: PLC0415  # other commands do not log

    if form == "auto":
        form = "text" if sys.stderr.isatty() else unwatched
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


class StandardInput(io.RawIOBase):
    """Standard input that a signal can end: replaces `sys.stdin` while it is entered.

    The SDK reads stdin in a thread, and a thread blocked in `read` cannot be woken: after SIGTERM
    the process would hang until the host closes the pipe. Here the thread waits for stdin and for a
    pipe of our own, so that a signal looks like end of file and there is one way to shut down. Not
    for Windows.
    """

    def __init__(self) -> None:
        self._wake, self._waker = os.pipe()
        self._original = sys.stdin
        # a descriptor of its own, so that child processes cannot read from it
        self._source = os.dup(0)
        self._line = 0  # bytes of the line that is being read

    def __enter__(self) -> Self:
        """Replace `sys.stdin`, and descriptor 0 by the null device."""
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        sys.stdin = io.TextIOWrapper(
            io.BufferedReader(self, BUFFER), encoding="utf-8", errors="replace"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore both."""
        sys.stdin = self._original
        os.dup2(self._source, 0)

    def end(self) -> None:
        """Signal end of file to the reader, now or at its next read."""
        os.write(self._waker, b"!")

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Wait for input or for `end`."""
        view = memoryview(buffer)
        while True:
            ready, _, _ = select.select([self._source, self._wake], [], [])
            data = b"" if self._wake in ready else os.read(self._source, len(view))
            if not data:
                return 0
            if kept := self._bounded(data):
                view[: len(kept)] = kept
                return len(kept)

    def _bounded(self, data: bytes) -> bytes:
        """The data, with each line cut at `MAX_LINE`: it cannot be parsed then, and is refused."""
        kept: list[bytes] = []
        for number, part in enumerate(data.split(b"\n")):
            if number:
                kept.append(b"\n")
                self._line = 0
            kept.append(part[: max(0, MAX_LINE - self._line)])
            self._line += len(part)
        return b"".join(kept)
