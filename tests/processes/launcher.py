"""Stands for a program that a fork server starts: `launcher.py SOCKET SEED ARGUMENTS_OF_PYTHON`.

The program gets the standard streams, environment and working directory of this process. SIGINT and
SIGTERM are passed on to it, it is killed when this process is, and this process ends as it ended.
Where a fork would not do, because of options of Python or another hash seed, a new interpreter runs
the program. Only built-in modules are imported, so that all of this takes 20 ms.
"""

from __future__ import annotations

import _socket as socket
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:  # `signal` and `socket` import much more
    import _signal as signal

PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def can_fork(hash_seed: str, arguments: list[str]) -> bool:
    known = any(
        arguments[: len(options)] == options and arguments[len(options)] in ("-m", "-c")
        for options in ([], ["-P"], ["-W", "error"])
        if len(arguments) > len(options)
    )
    same_seed = os.environ.get("PYTHONHASHSEED", "random") == hash_seed
    return known and same_seed and "PYTHONWARNINGS" not in os.environ


def start(connection: socket.socket, arguments: list[str]) -> None:
    """Hand over the standard streams, with all that the program has to know."""
    request = marshal.dumps((os.getpid(), arguments, dict(os.environ), os.getcwd()))  # noqa: PTH109  # see above
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    length = len(request).to_bytes(4, "big")
    connection.sendmsg([length], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(request)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # pipes must end when the program closes them
        os.dup2(null, number)


def end(status: int) -> None:
    """End with an exit code or, if it is negative, by a signal."""
    if status < 0:
        if -status in PASSED_ON:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def main(address: str, hash_seed: str, *arguments: str) -> None:
    def pass_on(number: int, _frame: object) -> None:
        try:  # noqa: SIM105  # see above
            connection.send(bytes([number]))
        except OSError:
            pass  # the program has just ended

    if not can_fork(hash_seed, list(arguments)):
        os.execv(sys.executable, [sys.executable, *arguments])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    connection.connect(address)
    start(connection, list(arguments))
    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    end(int(connection.recv(16) or b"1"))


main(*sys.argv[1:])
