"""Standard input that a signal can end.

The SDK reads stdin in a thread, and a thread blocked in `read` cannot be woken: after SIGTERM the
process would hang until the host closes the pipe. Here the thread waits for stdin and for a pipe of
our own, so that a signal looks like end of file and there is one way to shut down.
"""

from __future__ import annotations

import io
import os
import select
import sys
from types import TracebackType
from typing import Self

from typing_extensions import Buffer

BUFFER = 1 << 16


class StandardInput(io.RawIOBase):
    """Replaces `sys.stdin` while it is entered. Not for Windows."""

    def __init__(self) -> None:
        self._wake, self._waker = os.pipe()
        self._original = sys.stdin
        # a descriptor of its own, so that child processes cannot read from it
        self._source = os.dup(0)

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
        ready, _, _ = select.select([self._source, self._wake], [], [])
        if self._wake in ready:
            return 0
        view = memoryview(buffer)
        data = os.read(self._source, len(view))
        view[: len(data)] = data
        return len(data)
