"""Starts programs by fork: this process has imported what they would have to import.

`fork_server.py PYTHON LISTENER MODULES` gets the path of an executable that is Python, but forks
this process where it can, and the descriptor of a socket. `launcher.py` connects to that, sends
what a program is started with and its standard streams, then a byte for each signal, and is told
how the program ended. A program is killed when its launcher is, when another connection asks for
it, and when stdin closes: when the process that runs the tests ends.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import runpy
import select
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn, TextIO, cast

STDIN = 0


@dataclass(frozen=True)
class Start:
    """What a program is started with."""

    launcher: int
    arguments: list[str]
    environment: dict[str, str]
    folder: str


@dataclass(frozen=True)
class Child:
    """A program that runs, and its launcher."""

    pid: int
    ended: int  # a descriptor that can be read once it has
    launcher: int
    connection: socket.socket


class ForkServer:
    """Starts and ends programs."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._children: list[Child] = []

    def serve(self) -> None:
        """Do what is asked until stdin closes."""
        while handle := self._next():
            handle()
        for child in self._children[:]:
            self._kill(child)

    def _next(self) -> Callable[[], None] | None:
        handlers = {self._listener.fileno(): self._accept}
        for child in self._children:
            handlers[child.ended] = partial(self._reap, child)
            handlers[child.connection.fileno()] = partial(self._signal, child)
        poll = select.poll()
        for descriptor in (STDIN, *handlers):
            poll.register(descriptor, select.POLLIN)
        return handlers.get(poll.poll()[0][0])

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        head, streams, _, _ = socket.recv_fds(connection, 4, 3)
        length = int.from_bytes(head, "big")
        data = connection.recv(length, socket.MSG_WAITALL)
        complete = data and len(data) == length  # else the launcher was killed
        if complete and streams:
            self._start(connection, Start(*marshal.loads(data)), streams)
        elif complete:
            launcher = marshal.loads(data)
            for child in [child for child in self._children if child.launcher == launcher]:
                self._kill(child)
        if not (complete and streams):
            connection.close()
        for stream in streams:
            os.close(stream)

    def _start(self, connection: socket.socket, start: Start, streams: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.closerange(3, 1024)
            run(start)
        self._children.append(Child(pid, os.pidfd_open(pid), start.launcher, connection))

    def _signal(self, child: Child) -> None:
        numbers = child.connection.recv(16)
        for number in numbers:
            os.kill(child.pid, number)
        if not numbers:
            self._kill(child)

    def _kill(self, child: Child) -> None:
        os.kill(child.pid, signal.SIGKILL)
        self._reap(child)

    def _reap(self, child: Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        self._children.remove(child)
        os.close(child.ended)
        with suppress(BrokenPipeError), child.connection:
            child.connection.send(b"%d" % os.waitstatus_to_exitcode(status))


# In a child


def run(start: Start) -> NoReturn:
    """Be the program, and do all that a new interpreter would do for it."""
    code = 1
    try:
        code = _exit_code(start)
        threading._shutdown()  # pyright: ignore[reportUnknownMemberType,reportAttributeAccessIssue]
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  # shown, as at any exit
        code = 120  # as when Python cannot flush
        _show(error)
    sys.stderr.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _exit_code(start: Start) -> int:
    """What the program ends with: an exit code or, if negative, a signal."""
    try:
        _move_in(start)
        _execute(start.arguments)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException as error:  # noqa: BLE001  # shown, as at any exit
        _show(error)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _show(error: BaseException) -> None:
    sys.excepthook(type(error), error, error.__traceback__)


def _move_in(start: Start) -> None:
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)
    time.tzset()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        setattr(sys, name, _standard_stream(getattr(sys, name), mode))
    sys.path[:0] = filter(None, start.environment.get("PYTHONPATH", "").split(os.pathsep))


def _standard_stream(old: TextIO, mode: str) -> TextIO:
    """The stream anew, since the old one is for a file of another kind."""
    number = old.fileno()
    buffering = 1 if old is sys.stderr or os.isatty(number) else -1
    stream = open(number, mode, buffering, old.encoding, old.errors, closefd=False)  # noqa: SIM115
    return cast("TextIO", stream)


def _execute(arguments: list[str]) -> None:
    """Do what `python ARGUMENTS` does."""
    first = next(i for i, argument in enumerate(arguments) if argument in ("-m", "-c"))
    options, arguments = arguments[:first], arguments[first:]
    kind, what, *_ = arguments
    if options == ["-W", "error"]:
        sys.warnoptions.append("error")
        warnings.simplefilter("error")
    if options != ["-P"]:
        sys.path.insert(0, str(Path.cwd()) if kind == "-m" else "")
    sys.argv = arguments[1:]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    sys.argv[0] = kind
    sys.modules["__main__"] = ModuleType("__main__")
    exec(what, vars(sys.modules["__main__"]))


def main(python: str, listener: str, *modules: str) -> None:
    """Import all, and serve."""
    gc.disable()
    for module in modules:
        import_module(module)
    gc.collect()
    gc.freeze()
    gc.enable()
    sys.executable = python  # for the children of children
    with socket.socket(fileno=int(listener)) as listening:
        ForkServer(listening).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
