"""Standard input that can be made to end.

The SDK reads stdin in a thread, and a thread that waits in `read` cannot be woken: after SIGTERM
the process would hang until the host closes the pipe. Here the thread waits for stdin and for a
pipe of our own, so that a signal looks like the end of the input, and there is one way to stop.
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
    """Stands in for `sys.stdin` while it is entered. Not for Windows."""

    def __init__(self) -> None:
        self._wake, self._waker = os.pipe()
        self._kept = sys.stdin
        # the wire gets a descriptor of its own, so that children cannot read from it
        self._wire = os.dup(0)

    def __enter__(self) -> Self:
        """Take the place of `sys.stdin` and of descriptor 0."""
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
        """Put everything back."""
        sys.stdin = self._kept
        os.dup2(self._wire, 0)

    def end(self) -> None:
        """Let the reader meet the end of the input, now or when it reads next."""
        os.write(self._waker, b"!")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Wait for input or for the end."""
        ready, _, _ = select.select([self._wire, self._wake], [], [])
        if self._wake in ready:
            return 0
        view = memoryview(buffer)
        data = os.read(self._wire, len(view))
        view[: len(data)] = data
        return len(data)
