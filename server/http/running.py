"""Run the server over HTTP until a signal ends it.

The first SIGTERM or SIGINT ends it in order: nothing new is accepted, what was begun is answered,
within a bound; what is cut off by the bound is rolled back by the store. The second ends it at
once, which the store survives as it survives a power cut.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from experience_store.errors import BadInputError
from server.access import NOTHING, current_access
from server.http.address import authority, bind, check_reachable, is_loopback
from server.http.app import PATH, http_app
from server.http.connection import Connection
from server.mcp.server import ExperienceServer
from server.settings import HttpSettings

logger = logging.getLogger(__name__)

GRACE_SECONDS = 15  # longer than a write waits for its turn, so that it is answered
SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve_http(
    server: ExperienceServer, settings: HttpSettings, ready: Callable[[], None]
) -> None:
    """Listen and serve.

    Args:
        server: Is served.
        settings: Where, and within which limits.
        ready: Called when everything is open, before the first request.

    Raises:
        BadInputError: If the address cannot be had or may not be, or the certificate.
        StorageError: If the database cannot be opened.
    """
    check_reachable(settings.host, sign_in=settings.sign_in is not None)
    _check_certificate(settings.tls)
    with bind(settings.host, settings.port) as listener:
        port = int(listener.getsockname()[1])
        app = http_app(server, settings, port)
        if settings.sign_in is not None:
            current_access.set(NOTHING)  # what is nobody's in particular may do nothing
        # Opened here, because what is wrong with the database would be a tangle inside.
        async with server.shared_app():
            ready()
            scheme = "https" if settings.tls else "http"
            url = f"{scheme}://{authority(settings.host, port)}{PATH}"
            logger.info("listening on %s", url, extra={"url": url})
            if not (settings.tls or is_loopback(settings.host)):
                logger.warning("tokens travel in clear text here: use TLS, here or in a proxy")
            await _Server(_config(app, settings.tls), server.end_subscriptions).serve(
                sockets=[listener]
            )
    logger.info("ended")


def _check_certificate(tls: tuple[Path, Path] | None) -> None:
    """Raise BadInputError if the certificate and its key cannot be used."""
    if tls is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*tls)
        except (OSError, ValueError) as error:  # also what ssl raises
            raise BadInputError(f"--tls-cert and --tls-key cannot be used: {error}") from error


def _config(app: object, tls: tuple[Path, Path] | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]  # Starlette's types and uvicorn's differ in name
        http=Connection,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """uvicorn's server with this program's way to end."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Let the first signal end the server in order and the second at once."""
        if sys.platform == "win32":
            with super().capture_signals():
                yield
            return
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
            logger.info("ending: what was begun is answered")
            self.should_exit = True

        for number in SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams that would never end by themselves, then everything."""
        self._stopping()
        await super().shutdown(sockets)
