"""Run the server over HTTP until a signal stops it.

The first SIGTERM or SIGINT shuts down gracefully: nothing new is accepted, and in-flight requests
finish within a time limit; the store rolls back what is cut off then. The second stops at once,
which the store survives as it survives a power cut.
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
from starlette.applications import Starlette
from typing_extensions import override

from experience_store.errors import BadInputError
from server.access import NOTHING, current_access
from server.http.address import authority, bind, check_sign_in, is_loopback
from server.http.asgi_app import PATH, http_app
from server.http.connections import ConnectionLimit, TimeoutProtocol
from server.mcp.server import ExperienceServer
from server.settings import HttpSettings

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 15  # more than a write waits for its turn, so that it finishes
SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve_http(
    server: ExperienceServer, settings: HttpSettings, ready: Callable[[], None]
) -> None:
    """Listen and serve.

    Args:
        server: The MCP server.
        settings: Where to listen, and the limits.
        ready: Called when everything is open, before the first request.

    Raises:
        BadInputError: If the address or the certificate cannot be used.
        StorageError: If the database cannot be opened.
    """
    check_sign_in(settings.host, sign_in=settings.sign_in is not None)
    _check_certificate(settings.tls)
    with bind(settings.host, settings.port) as listener:
        port = int(listener.getsockname()[1])
        app = http_app(server, settings, port)
        if settings.sign_in is not None:
            current_access.set(NOTHING)  # code that runs without a caller may do nothing
        # Opened here, because an error of the database would be a tangle of task groups inside.
        async with server.shared_app():
            ready()
            scheme = "https" if settings.tls else "http"
            url = f"{scheme}://{authority(settings.host, port)}{PATH}"
            logger.info("listening on %s", url, extra={"url": url})
            if not (settings.tls or is_loopback(settings.host)):
                logger.warning("tokens are sent unencrypted: use --tls-cert, or a proxy with TLS")
            runner = _Server(app, settings.tls, server.end_subscriptions)
            await runner.serve(sockets=[listener])
    logger.info("stopped")


def _check_certificate(tls: tuple[Path, Path] | None) -> None:
    """Raise BadInputError if the certificate and its key cannot be used."""
    if tls is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*tls)
        except ssl.SSLError as error:
            raise BadInputError(
                "--tls-cert and --tls-key cannot be used: give the certificate chain and its own "
                "private key, both in PEM" + (f" ({error.reason})" if error.reason else "")
            ) from error
        except (OSError, ValueError) as error:
            raise BadInputError(f"--tls-cert and --tls-key cannot be used: {error}") from error


class _Server(uvicorn.Server):
    """uvicorn with this program's limits and shutdown."""

    def __init__(
        self, app: Starlette, tls: tuple[Path, Path] | None, on_shutdown: Callable[[], None]
    ) -> None:
        limited = ConnectionLimit(app, lambda: len(self.server_state.connections))
        super().__init__(_config(limited, tls))
        self._on_shutdown = on_shutdown

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        if sys.platform == "win32":
            with super().capture_signals():
                yield
            return
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
            logger.info("shutting down: in-flight requests finish")
            self.should_exit = True

        for number in SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_shutdown()  # ends the streams, which would never end by themselves
        await super().shutdown(sockets)


def _config(app: ConnectionLimit, tls: tuple[Path, Path] | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType]  # Starlette's types and uvicorn's differ in name
        http=TimeoutProtocol,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
