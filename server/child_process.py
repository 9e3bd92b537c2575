"""Child processes that run this package.

They start with -P: Python would put the working directory on their path otherwise, and a `server/`
that the user keeps there would take the place of ours.
"""

from __future__ import annotations

import sys


def python_command(*arguments: str) -> list[str]:
    """This interpreter, for code or a module of ours, in any working directory."""
    return [sys.executable, "-P", *arguments]


def cli_command(*arguments: str) -> list[str]:
    """`experience-mcp` with arguments, as a module of this interpreter."""
    return python_command("-m", "server.cli", *arguments)
