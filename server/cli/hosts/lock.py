"""One of our processes at a time changes hosts' files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from experience_store.errors import ConflictError
from server.settings import default_database

_PATIENCE = 30.0  # seconds; a change takes a few milliseconds
_PAUSE = 0.02


@contextmanager
def alone() -> Generator[None]:
    """Nobody else in here meanwhile. The system ends the lock when a process is killed.

    Raises:
        ConflictError: Another process kept it for half a minute.
    """
    path = default_database().parent / "hosts.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(handle, path)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while not _locked(handle):
        if time.monotonic() > until:
            raise ConflictError(f"another process holds {path}; nothing was written. Try again")
        time.sleep(_PAUSE)


if sys.platform == "win32":
    import msvcrt

    def _locked(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
