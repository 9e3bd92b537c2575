"""The server over HTTP without a process of its own, which takes a second to start.

Options, sockets, log lines and the way it runs are those of `served`; tests of signals, exit codes
and of the process itself use that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import uvicorn

from server import logs
from server.http import running
from server.mcp.server import ExperienceServer
from server.settings import HttpSettings
from tests.server.cli.program import Program
from tests.server.http.serving import LONG_ENOUGH, Served


@asynccontextmanager
async def served_in_process(database: Path, *options: str) -> AsyncGenerator[Served]:
    served = Served()
    started: list[uvicorn.Server] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running._Server, "capture_signals", _without_signals(started.append))  # pyright: ignore[reportPrivateUsage]
        run = await asyncio.to_thread(_read, database, "--http", "0", *options)
        with _logging_to(served, run.level):
            serving = asyncio.create_task(run())
            serving.add_done_callback(lambda _: served.over())
            try:
                async with asyncio.timeout(LONG_ENOUGH):
                    served.url = (await served.logged(lambda line: "url" in line))["url"]
                yield served
            finally:
                for server in started:
                    server.should_exit = True
                await serving


class _Run:
    """What the command `serve` would do once it has read its options."""

    def __init__(self) -> None:
        self.level = ""
        self._given: tuple[ExperienceServer, HttpSettings] | None = None

    async def __call__(self) -> None:
        assert self._given
        await running.serve_http(*self._given, lambda: None)

    def log_to_stderr(self, level: str, *, as_json: bool) -> None:
        assert as_json
        self.level = level

    async def serve_http(
        self, server: ExperienceServer, settings: HttpSettings, ready: Callable[[], None]
    ) -> None:
        del ready
        self._given = (server, settings)


def _read(database: Path, *options: str) -> _Run:
    run = _Run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "serve_http", run.serve_http)
        patch.setattr(logs, "log_to_stderr", run.log_to_stderr)
        patch.setattr(logs, "hush_libraries", lambda level: level)  # pyright: ignore[reportUnknownArgumentType,reportUnknownLambdaType]
        Program(database).run("serve", *options)
    return run


def _without_signals(
    started: Callable[[uvicorn.Server], None],
) -> Callable[[uvicorn.Server], object]:
    @contextmanager
    def capture_signals(server: uvicorn.Server) -> Generator[None]:
        started(server)
        yield

    return capture_signals


class _Handler(logging.Handler):
    def __init__(self, served: Served) -> None:
        super().__init__()
        self.setFormatter(logs.JsonLines())
        self._served = served
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(self._served.heard, self.format(record))


@contextmanager
def _logging_to(served: Served, level: str) -> Generator[None]:
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, ("server", "experience_store", "mcp"))]
    before = [logger.level for logger in loggers]
    handler = _Handler(served)
    logs.hush_libraries(level)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for logger, level_before in zip(loggers, before, strict=True):
            logger.setLevel(level_before)
