"""Where hosts keep their configuration files, on each system."""

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
    """What a location depends on.

    Attributes:
        platform: The value of `sys.platform`; anything but `darwin` and `win32` is like Linux.
        home: The user's home.
        project: The folder of project files.
        environment: The environment variables; some move a location.
    """

    platform: str
    home: Path
    project: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Machine:
        """This machine, and the current folder as the project."""
        return cls(sys.platform, Path.home(), Path.cwd(), os.environ)

    def folder(self, variable: str, default: Path) -> Path:
        """The folder that a variable names, or the default."""
        value = self.environment.get(variable)
        return Path(value) if value else default

    def settings(self) -> Path:
        """Where desktop applications keep their settings."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.folder("APPDATA", self.home / "AppData" / "Roaming")
        return self.folder("XDG_CONFIG_HOME", self.home / ".config")


def claude_desktop(machine: Machine) -> Path:
    """Claude Desktop's file.

    On Windows its installer makes a package with settings of its own, which never reads a file in
    the usual folder.

    Raises:
        BadInputError: Several packages have settings.
    """
    usual = machine.settings() / "Claude" / DESKTOP_FILE
    if machine.platform != "win32":
        return usual
    local = machine.folder("LOCALAPPDATA", machine.home / "AppData" / "Local")
    packaged = sorted((local / "Packages").glob("Claude_*/LocalCache/Roaming/Claude"))
    if len(packaged) > 1:
        packaged = [folder for folder in packaged if (folder / DESKTOP_FILE).exists()]
    if len(packaged) > 1:
        found = ", ".join(map(str, packaged))
        raise BadInputError(
            f"Claude Desktop has settings in {found}: give the path of the right {DESKTOP_FILE} "
            "instead of the host's name"
        )
    return packaged[0] / DESKTOP_FILE if packaged else usual


def claude_code(machine: Machine) -> Path:
    """Claude Code's file for all projects."""
    return machine.folder("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def cursor(machine: Machine) -> Path:
    """Cursor's file for all projects."""
    return machine.home / ".cursor" / "mcp.json"


def vscode(machine: Machine) -> Path:
    """VS Code's file in the default profile."""
    return machine.settings() / "Code" / "User" / "mcp.json"


def codex(machine: Machine) -> Path:
    """Codex's file for all projects."""
    return machine.folder("CODEX_HOME", machine.home / ".codex") / "config.toml"
