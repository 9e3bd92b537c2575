"""Where hosts keep their configuration, on each system."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import BadInputError

DESKTOP_FILE = "claude_desktop_config.json"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a place depends on.

    Attributes:
        platform: As `sys.platform` has it: `darwin`, `win32`, anything else is like Linux.
        home: The user's.
        project: The folder that project files are put into.
        environment: The variables that move places.
    """

    platform: str
    home: Path
    project: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Machine:
        """This machine, and the current folder as the project."""
        return cls(sys.platform, Path.home(), Path.cwd(), os.environ)

    def moved(self, variable: str, default: Path) -> Path:
        """The folder that a variable names, or the default."""
        value = self.environment.get(variable)
        return Path(value) if value else default

    def settings(self) -> Path:
        """Where programs with windows keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.moved("APPDATA", self.home / "AppData" / "Roaming")
        return self.moved("XDG_CONFIG_HOME", self.home / ".config")


def claude_desktop(machine: Machine) -> Path:
    """Claude Desktop's file.

    On Windows its installer makes a package whose settings are kept apart, and a file in the usual
    folder is never read by it.
    """
    usual = machine.settings() / "Claude" / DESKTOP_FILE
    if machine.platform != "win32":
        return usual
    local = machine.moved("LOCALAPPDATA", machine.home / "AppData" / "Local")
    packaged = sorted((local / "Packages").glob("Claude_*/LocalCache/Roaming/Claude"))
    if len(packaged) > 1:
        packaged = [folder for folder in packaged if (folder / DESKTOP_FILE).exists()]
    if len(packaged) > 1:
        places = ", ".join(str(folder) for folder in packaged)
        raise BadInputError(
            f"Claude Desktop has settings in {places}: give the path of the right "
            f"{DESKTOP_FILE} instead of the host's name"
        )
    return packaged[0] / DESKTOP_FILE if packaged else usual


def claude_code(machine: Machine) -> Path:
    """Claude Code's file for all projects of the user."""
    return machine.moved("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def cursor(machine: Machine) -> Path:
    """Cursor's file for all projects of the user."""
    return machine.home / ".cursor" / "mcp.json"


def vscode(machine: Machine) -> Path:
    """VS Code's file in the default profile."""
    return machine.settings() / "Code" / "User" / "mcp.json"


def codex(machine: Machine) -> Path:
    """Codex's file for all projects of the user."""
    return machine.moved("CODEX_HOME", machine.home / ".codex") / "config.toml"
