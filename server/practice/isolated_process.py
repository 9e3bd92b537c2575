"""Processes isolated from the run, for packages that must not disturb it."""

from __future__ import annotations

import os
from pathlib import Path

from server.child_process import python_command

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "VIRTUAL_ENV")


def command(module: str, argument: str) -> list[str]:
    """How to call `main(argument)` of a module."""
    call = f"import sys; from {module} import main; main(sys.argv[1])"
    return python_command("-c", call, argument)


def environment() -> dict[str, str]:
    """No secrets, the path to this package, and the same order of sets every time."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "0"}
