"""Calls in daemon threads, which neither a timeout nor the end of the program waits for.

A thread cannot be killed. One that still runs after its caller gave it up is left alone, and
counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from threading import Thread
from typing import ParamSpec

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The outcome of a call: a value, or what it raised."""

    value: object = None
    error: BaseException | None = None


class DaemonThreads:
    """Runs calls in daemon threads."""

    def __init__(self) -> None:
        self._left: set[Thread] = set()

    @property
    def hanging(self) -> int:
        """How many calls were given up and still run."""
        self._left = {thread for thread in self._left if thread.is_alive()}
        return len(self._left)

    async def call(
        self, function: Callable[P, object], *arguments: P.args, **named: P.kwargs
    ) -> CallOutcome:
        """Call a function; cancelling this gives the call up."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[CallOutcome] = loop.create_future()

        def tell(outcome: CallOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        def work() -> None:
            try:
                outcome = CallOutcome(function(*arguments, **named))
            except BaseException as error:  # noqa: BLE001  # the caller decides
                outcome = CallOutcome(error=error)
            with suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(tell, outcome)

        # not a pool's: the interpreter waits for those when it ends
        thread = Thread(target=copy_context().run, args=(work,), daemon=True)
        thread.start()
        try:
            return await future
        except asyncio.CancelledError:
            self._left.add(thread)
            raise
