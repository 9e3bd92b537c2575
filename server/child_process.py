"""Child processes that run this package.

They start with -P: Python would put the working directory on their path otherwise, and a `server/`
that the user keeps there would take the place of ours.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "VIRTUAL_ENV")


def python_command(*arguments: str) -> list[str]:
    """This interpreter, for code or a module of ours, in any working directory."""
    return [sys.executable, "-P", *arguments]


def cli_command(*arguments: str) -> list[str]:
    """`experience-mcp` with arguments, as a module of this interpreter."""
    return python_command("-m", "server.cli", *arguments)


def isolated_command(module: str, argument: str) -> list[str]:
    """`main(argument)` of a module, for packages that must not disturb this process."""
    call = f"import sys; from {module} import main; main(sys.argv[1])"
    return python_command("-c", call, argument)


def isolated_environment() -> dict[str, str]:
    """No secrets, the path to this package, and the same order of sets every time."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONHASHSEED": "0"}
