"""The hosts: where their configuration files are, and the entry each of them wants for a server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from experience_store.errors import BadInputError

DESKTOP_FILE = "claude_desktop_config.json"
Scope: TypeAlias = Literal["user", "project"]
Entry: TypeAlias = dict[str, object]

BRIDGE = ("mcp-proxy", "--transport", "streamablehttp")
BRIDGE_TOKEN = "API_ACCESS_TOKEN"  # noqa: S105  # a variable's name


@dataclass(frozen=True, slots=True)
class Machine:
    """What a location depends on.

    Attributes:
        platform: The value of `sys.platform`; anything but `darwin` and `win32` is like Linux.
        home: The user's home.
        project: The folder of project files.
        environment: The environment variables, some of which move a location.
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


def _claude_desktop(machine: Machine) -> Path:
    """On Windows, Claude Desktop's installer makes a package that reads its own settings only.

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


def _claude_code(machine: Machine) -> Path:
    return machine.folder("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"


def _cursor(machine: Machine) -> Path:
    return machine.home / ".cursor" / "mcp.json"


def _vscode(machine: Machine) -> Path:
    return machine.settings() / "Code" / "User" / "mcp.json"


def _codex(machine: Machine) -> Path:
    return machine.folder("CODEX_HOME", machine.home / ".codex") / "config.toml"


@dataclass(frozen=True, slots=True)
class Host:
    """A program that starts or calls the server.

    Attributes:
        name: Its name on the command line.
        title: Its name in messages.
        servers: The table of servers in its file.
        user: The location of the user's file, None for a host that is given by a path.
        project: The file in a project's folder, None if there is none.
        typed: Whether an entry has a `type`.
        reference: How an entry refers to a token in an environment variable.
        afterwards: How to make the host read its file.
    """

    name: str
    title: str
    servers: str
    user: Callable[[Machine], Path] | None
    project: str | None
    typed: bool
    reference: Literal["${NAME}", "${env:NAME}", "input", "variable", "bridge"]
    afterwards: str

    def file(self, machine: Machine, scope: Scope) -> Path:
        """Its file.

        Raises:
            BadInputError: It has none of this scope.
        """
        if scope == "project":
            if self.project is None:
                raise BadInputError(f"{self.title} has no project files: leave out --scope")
            return machine.project / self.project
        assert self.user, "hosts given by a path have no scopes"
        return self.user(machine)


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """What should be in a host's file.

    Attributes:
        entry: The entry of the server.
        inputs: What the host should ask its user for (VS Code).
        notes: What its user should know.
    """

    entry: Entry
    inputs: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


HOSTS: Mapping[str, Host] = {
    host.name: host
    for host in (
        Host(
            "claude-desktop",
            "Claude Desktop",
            "mcpServers",
            _claude_desktop,
            None,
            typed=False,
            reference="bridge",
            afterwards="Quit and restart Claude Desktop.",
        ),
        Host(
            "claude-code",
            "Claude Code",
            "mcpServers",
            _claude_code,
            ".mcp.json",
            typed=True,
            reference="${NAME}",
            afterwards="Restart Claude Code; `claude mcp list` shows the server.",
        ),
        Host(
            "cursor",
            "Cursor",
            "mcpServers",
            _cursor,
            ".cursor/mcp.json",
            typed=False,
            reference="${env:NAME}",
            afterwards="Restart Cursor, or enable the server in its MCP settings.",
        ),
        Host(
            "vscode",
            "VS Code",
            "servers",
            _vscode,
            ".vscode/mcp.json",
            typed=True,
            reference="input",
            afterwards="Run `MCP: List Servers` in VS Code and start the server.",
        ),
        Host(
            "codex",
            "Codex",
            "mcp_servers",
            _codex,
            ".codex/config.toml",
            typed=False,
            reference="variable",
            afterwards="Restart Codex; `codex mcp list` shows the server.",
        ),
    )
}


def host_of_file(path: Path) -> Host:
    """The host of a file that is given by its path, as most hosts with an `mcp.json` are."""
    is_toml = path.suffix == ".toml"
    return Host(
        "mcp.json",
        path.name,
        "mcp_servers" if is_toml else "mcpServers",
        None,
        None,
        typed=False,
        reference="variable" if is_toml else "${NAME}",
        afterwards="Restart the host.",
    )


def stdio_entry(host: Host, command: list[str]) -> PlannedEntry:
    """The entry for a server that the host starts."""
    kind: Entry = {"type": "stdio"} if host.typed else {}
    return PlannedEntry({**kind, "command": command[0], "args": command[1:]})


def http_entry(
    host: Host, url: str, variable: str | None, environment: Mapping[str, str]
) -> PlannedEntry:
    """The entry for a server that is already running.

    Args:
        host: The program that calls it.
        url: Its address.
        variable: The environment variable with its token, None if it needs none.
        environment: Where to read the token if the host cannot refer to a variable.

    Raises:
        BadInputError: The token is needed and not there.
    """
    entry: Entry = {"type": "http", "url": url} if host.typed else {"url": url}
    if host.reference == "bridge":
        return _bridge_entry(url, variable, environment)
    if variable is None:
        return PlannedEntry(entry)
    match host.reference:
        case "variable":
            return PlannedEntry({**entry, "bearer_token_env_var": variable})
        case "input":
            return _entry_with_input(entry, variable)
        case form:
            reference = form.replace("NAME", variable)
            return PlannedEntry({**entry, "headers": {"Authorization": f"Bearer {reference}"}})


def _entry_with_input(entry: Entry, variable: str) -> PlannedEntry:
    """VS Code does not replace `${env:...}` in headers; it asks, and stores the answer safely."""
    name = variable.lower().replace("_", "-")
    asked: Entry = {
        "type": "promptString",
        "id": name,
        "description": "Token of the experience server",
        "password": True,
    }
    note = f"VS Code will ask for the token ({variable}) once and keep it in its secret storage."
    headers = {"Authorization": f"Bearer ${{input:{name}}}"}
    return PlannedEntry({**entry, "headers": headers}, (asked,), (note,))


def _bridge_entry(url: str, variable: str | None, environment: Mapping[str, str]) -> PlannedEntry:
    """Claude Desktop's file takes programs only, so a program calls the server for it."""
    entry: Entry = {"command": shutil.which("uvx") or "uvx", "args": [*BRIDGE, url]}
    note = "Claude Desktop starts programs only: mcp-proxy, which uv fetches, calls the server."
    if variable is None:
        return PlannedEntry(entry, notes=(note,))
    token = environment.get(variable)
    if not token:
        raise BadInputError(
            f"Claude Desktop cannot read the token from {variable}, so its file must contain the "
            f"token: set {variable} and run this again"
        )
    warning = f"The file contains the token itself, in {BRIDGE_TOKEN}: the host has no other way."
    return PlannedEntry({**entry, "env": {BRIDGE_TOKEN: token}}, notes=(note, warning))
