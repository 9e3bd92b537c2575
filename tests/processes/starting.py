"""How tests start programs of ours: by a fork, where there is no reason not to.

A fork of a process that has imported everything is as much a process as any other, with pipes,
signals and an exit code of its own, and starts in 50 ms instead of a second. See `fork_server.py`.
"""

from __future__ import annotations

import marshal
import os
import shlex
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen

CAN_FORK = sys.platform == "linux" and not os.environ.get("TESTS_WITHOUT_FORKS")
IMPORTED = (  # but not `server.cli.main`, which reads the environment when it is imported
    "anyio._backends._asyncio",
    "concurrent.futures.thread",
    "experience_store.safety.content_policy",
    "experience_store.safety.redaction",
    "experience_store.sqlite.archives",
    "experience_store.sqlite.store",
    "httpcore2",
    "jsonschema",
    "openai",
    "rich.console",  # by the SDK when a server is made
    "rich.logging",
    "server.cli.commands.demo",
    "server.cli.commands.learn",
    "server.cli.commands.serve",
    "server.cli.commands.submit",
    "server.http.running",
    "server.learning.worker",
    "server.logs",
    "server.mcp.admin.library_tools",
    "server.mcp.build",
    "server.mcp.host_driver",
    "server.practice.cli.commands",
)


def python() -> str:
    """A Python that takes 30 ms to start `-m MODULE` or `-c CODE`."""
    return _given or fork_server().python if CAN_FORK else sys.executable


def take_python(path: str) -> None:
    """Start programs with the Python of another process, whose fork server it is."""
    global _given  # noqa: PLW0603  # once, before the tests of this process
    _given = path


_given = ""


def cli_command(*arguments: str) -> list[str]:
    """A command for `experience-mcp` with arguments; `server.child_process` has the real one."""
    return [python(), "-P", "-m", "server.cli", *arguments]


def kill(process: Process | Popen[bytes] | Popen[str]) -> None:
    """Kill a program; when this returns, it is gone."""
    process.kill()
    if CAN_FORK:
        request = marshal.dumps(process.pid)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(Path(python()).with_name("socket")))
            connection.sendall(len(request).to_bytes(4, "big") + request)
            connection.recv(1)  # closed once it is gone


class ForkServer:
    """The process whose forks the programs are; it may be used before it has imported all."""

    def __init__(self, *imported: str, hash_seed: str = "random") -> None:
        names = ("HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
        passed_on = {name: os.environ[name] for name in names if name in os.environ}
        folder = Path(tempfile.mkdtemp())
        self.python = str(folder / "python")
        address = str(folder / "socket")
        _write_python(Path(self.python), address, hash_seed)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            number = listener.fileno()
            program = str(Path(__file__).with_name("fork_server.py"))
            self._process = Popen(
                [sys.executable, "-P", program, self.python, str(number), *imported],
                env={**passed_on, "PYTHONHASHSEED": hash_seed},
                stdin=PIPE,
                pass_fds=[number],
                start_new_session=True,  # Ctrl-C is for the tests, which end it
            )

    def end(self) -> None:
        self._process.communicate()
        shutil.rmtree(Path(self.python).parent)


def _write_python(path: Path, address: str, hash_seed: str) -> None:
    launcher = Path(__file__).with_name("launcher.py")
    command = shlex.join([sys.executable, "-I", "-S", str(launcher), address, hash_seed])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    path.chmod(0o700)


@cache
def fork_server() -> ForkServer:
    return ForkServer(*IMPORTED)


def end_fork_server() -> None:
    """For the end of all tests of this process."""
    if fork_server.cache_info().currsize:
        fork_server().end()
        fork_server.cache_clear()
