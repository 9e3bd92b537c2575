"""reasoning-gym in a process that has imported it once: each spec is read by a fork of that.

A fork is as new as the process that the program starts for a spec, without the seconds that the
import takes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

from server.child_process import isolated_environment

_SERVE = """
import os, sys
from server.practice import reasoning_gym
from server.practice.datasets import gym_tasks

reasoning_gym.families()
for line in sys.stdin:
    path, spec = line.rstrip("\\n").split("\\t")
    fork = os.fork()
    if fork == 0:
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 1)
        gym_tasks.main(spec)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), flush=True)
"""


class LoadedGym:
    """Stands in for the module `subprocess` where tasks are generated."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            env=isolated_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: Sequence[str], **_: object) -> CompletedProcess[bytes]:
        assert self._process.stdin
        assert self._process.stdout
        self._count += 1
        output = self._folder / str(self._count)
        self._process.stdin.write(f"{output}\t{command[-1]}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return CompletedProcess(command, code, output.read_bytes(), b"")

    def close(self) -> None:
        self._process.communicate()
